"""A stage, and the names that are derived from it. An account can have several stages."""

from __future__ import annotations

import re
from dataclasses import dataclass

APPLICATION = "buckets-api"
NAME_PATTERN = re.compile("[a-z][a-z0-9-]{0,19}")


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
        """The name of the S3 bucket for the template and the code of the stack."""
        return f"{self.stack}-{self.account}-{self.region}"

    def owns_table(self, name: str) -> bool:
        """Returns whether this is the name of a table of the stack, as CloudFormation generates it."""
        return bool(re.fullmatch(f"{self.stack}-(Catalog|Objects)Table-[A-Z0-9]{{6,}}", name))

    def owns_bucket(self, name: str) -> bool:
        """Returns whether this is the name of the S3 bucket of the stack, as CloudFormation generates it."""
        return bool(re.fullmatch(f"{self.stack}-blobbucket-[a-z0-9]{{6,}}", name))
