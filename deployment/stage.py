"""A stage, and what is called after it, so that stages live side by side in one account."""

from __future__ import annotations

import re
from dataclasses import dataclass

APPLICATION = "buckets-api"
FORM = re.compile("[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment of the service: its name, and the account and region it is in."""

    name: str
    account: str
    region: str

    @property
    def stack(self) -> str:
        """The name of its CloudFormation stack."""
        return f"{APPLICATION}-{self.name}"

    @property
    def artifacts(self) -> str:
        """The name of the S3 bucket that the stack's template and code are taken from."""
        return f"{self.stack}-{self.account}-{self.region}"

    def owns_table(self, name: str) -> bool:
        """Whether CloudFormation gave a table of this stage's stack this name."""
        return bool(re.fullmatch(f"{self.stack}-(Catalog|Objects)Table-[A-Z0-9]{{6,}}", name))

    def owns_bucket(self, name: str) -> bool:
        """Whether CloudFormation gave the bucket of files of this stage's stack this name."""
        return bool(re.fullmatch(f"{self.stack}-blobbucket-[a-z0-9]{{6,}}", name))
