"""Published prices of AWS, and the costs of operations and of example months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.workload import Row

REGION = "us-east-1"
AS_OF = "July 2025"
MILLION = 1_000_000

# Prices in dollars per million, in the first paid tier.
GATEWAY_REQUEST = 3.50
LAMBDA_REQUEST = 0.20
READ_UNIT = 0.125
WRITE_UNIT = 0.625
S3_WRITE = 5.00
S3_READ = 0.40
SQS_REQUEST = 0.40
# Prices in dollars: Lambda per GB-second, storage and logs per GB, and one alarm per month.
LAMBDA_GB_SECOND = 0.0000166667
TABLE_GB, TABLE_FREE_GB = 0.25, 25
BACKUP_GB = 0.20
S3_GB = 0.023
LOG_GB = 0.50
ALARM = 0.10
# The number of alarms that the template declares. Each stage has all of them.
ALARMS = 16
# The number of bytes of a line in the access log of API Gateway, and the requests in millions that fill a gigabyte.
ACCESS_LOG_LINE_BYTES = 300
ACCESS_LOG_REQUESTS_PER_GB = 1e9 / ACCESS_LOG_LINE_BYTES / MILLION
# Prices of AWS WAF in dollars: a web ACL and a rule per month, and a million requests.
WEB_ACL, WEB_ACL_RULE, WEB_ACL_REQUEST = 5.00, 1.00, 0.60
# Prices in dollars: one metric and one dashboard per month, and a million traces.
METRIC, DASHBOARD, TRACES = 0.30, 3.00, 5.00
# The number of metrics in the log line of a request.
METRICS = 5
# The number of queues that are event sources. Lambda keeps five long polls of 20 seconds open on each. A month has 30
# days.
POLLED_QUEUES = 4
IDLE_POLLS = 5 * 30 * 24 * 3600 // 20
FREE_SQS_REQUESTS = 1_000_000
POLLING = POLLED_QUEUES * IDLE_POLLS * SQS_REQUEST / MILLION
FIRST_STAGE_POLLING = max(0, POLLED_QUEUES * IDLE_POLLS - FREE_SQS_REQUESTS) * SQS_REQUEST / MILLION

# The duration of a call to AWS in milliseconds, and the memory of functions. 1769 MB correspond to one processor.
TABLE_WAIT_MS = 5
S3_WAIT_MS = 30
# How fast a function reads a file, which is an assumption.
S3_MB_PER_SECOND = 50
API_MB, WORKER_MB, PROCESSOR_MB = 1024, 512, 1769
LOG_LINE_BYTES = 900


@dataclass(frozen=True)
class Price:
    """The price of a million calls of an operation in dollars, by service."""

    gateway: float
    function: float
    tables: float
    files: float

    @property
    def total(self) -> float:
        """The sum of all services."""
        return self.gateway + self.function + self.tables + self.files


def billed_ms(row: Row, megabytes: int) -> float:
    """Returns the billed duration of an operation in milliseconds."""
    waits = (row.calls - row.s3_requests) * TABLE_WAIT_MS + row.s3_requests * S3_WAIT_MS
    reading = row.read_bytes / 1_000_000 / S3_MB_PER_SECOND * 1000
    return row.cpu_ms * PROCESSOR_MB / megabytes + waits + reading


def price(row: Row) -> Price:
    """Returns the price of a million calls of an operation."""
    megabytes = WORKER_MB if row.background else API_MB
    function = LAMBDA_REQUEST + billed_ms(row, megabytes) * 1000 * megabytes / 1024 * LAMBDA_GB_SECOND
    tables = row.read_units * READ_UNIT + row.write_units * WRITE_UNIT
    files = (row.s3_requests - row.s3_reads) * S3_WRITE + row.s3_reads * S3_READ
    return Price(0 if row.background else GATEWAY_REQUEST, function, tables, files)


@dataclass(frozen=True)
class Month:
    """The operations of a user in a month, and the stored data."""

    title: str
    operations: Mapping[str, int]
    objects: int
    file_gb: float
    folds: int

    def lines(self, rows: Sequence[Row]) -> list[tuple[str, float]]:
        """Returns the items of the bill in dollars."""
        by_name = {row.name: price(row) for row in rows}
        spent = [(by_name[name], count / MILLION) for name, count in self.operations.items()]
        requests = sum(self.operations.values())
        table_gb = self.objects * OBJECT_BYTES / 1e9
        return [
            ("API Gateway", sum(cost.gateway * millions for cost, millions in spent)),
            ("Lambda", sum(cost.function * millions for cost, millions in spent)),
            ("DynamoDB requests", sum(cost.tables * millions for cost, millions in spent)),
            ("S3 requests", sum(cost.files * millions for cost, millions in spent)),
            ("Statistics, with their share of Lambda and DynamoDB", by_name[FOLD].total * self.folds / MILLION),
            ("DynamoDB storage", max(0.0, table_gb - TABLE_FREE_GB) * TABLE_GB),
            ("Point-in-time recovery", table_gb * BACKUP_GB),
            ("S3 storage", self.file_gb * S3_GB),
            ("Logs", requests * LOG_LINE_BYTES / 1e9 * LOG_GB),
        ]


FOLD = "count a written object"
# A row of 1 KB with its entries in two indexes. DynamoDB bills 100 bytes of overhead for each of the three.
OBJECT_BYTES = 1500

SMALL = Month(
    "A small user: 20 000 new objects a month, half with a file, and 200 000 reads",
    {
        "create an object": 10_000,
        "create an object with a file of 100 KB": 10_000,
        "get an object": 180_000,
        "list 20 objects": 10_000,
        "get a bucket": 10_000,
    },
    objects=100_000,
    file_gb=5,
    # Writes are rare, so each is counted by a separate call, both in its bucket and in its namespace.
    folds=2 * 20_000,
)
LARGE = Month(
    "A large user: 50 million new objects a month in bulk creates, a tenth with a file, and 200 million reads",
    {
        "create 100 objects in one request": 450_000,
        "create an object with a file of 100 KB": 5_000_000,
        "get an object": 180_000_000,
        "list 20 objects": 10_000_000,
        "get a bucket": 10_000_000,
    },
    objects=500_000_000,
    file_gb=5_000,
    # One call per second for each of four shards, in a bucket and in its namespace. A month has 2.6 million seconds.
    folds=2 * 4 * 2_600_000,
)
