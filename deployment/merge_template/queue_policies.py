"""The policies of the queues: who may send messages from outside the account's own policies, and that all use TLS."""

from __future__ import annotations

from deployment.merge_template.cloudformation import Json, get_att, ref, resource
from deployment.merge_template.functions import queues

# S3 may report new files of the bucket of this stack. The policy cannot refer to the bucket, which depends on it.
BUCKET_SENDS: Json = {
    "Sid": "BlobBucketSends",
    "Effect": "Allow",
    "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": get_att("ArrivalQueue", "Arn"),
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${AWS::StackName}-blobbucket-*"}},
    },
}
ALLOWED = {"ArrivalQueue": BUCKET_SENDS}


def queue_policies() -> Json:
    """The policies of all queues, by logical id."""
    return {f"{queue}Policy": _policy(queue) for queue in queues()}


def _policy(queue: str) -> Json:
    statements = [ALLOWED[queue]] if queue in ALLOWED else []
    document = {"Version": "2012-10-17", "Statement": [*statements, _tls_only(queue)]}
    return resource("AWS::SQS::QueuePolicy", {"Queues": [ref(queue)], "PolicyDocument": document})


def _tls_only(queue: str) -> Json:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": get_att(queue, "Arn"),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
