"""Asks the simulator's S3 and moto the same; ends with an assertion where they differ. See check-moto."""

import os
import urllib.parse
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
from moto.server import ThreadedMotoServer

PAIR = {
    "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
BUCKET = "media-west"


def client(address):
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-west-2",
        config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        **PAIR,
    )


def outcome(call):
    """What a call gives, or the code and status of its error."""
    try:
        return call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def pages(s3, size, **options):
    """The keys of each page."""
    paginator = s3.get_paginator("list_objects_v2")
    return [
        [row["Key"] for row in page.get("Contents", [])]
        for page in paginator.paginate(Bucket=BUCKET, PaginationConfig={"PageSize": size}, **options)
    ]


server = ThreadedMotoServer(port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
ours, moto = client(os.environ["SIMULATOR"]), client(f"http://127.0.0.1:{port}")
moto.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
keys = [key for page in pages(ours, 1000) for key in page]
assert len(keys) == 90, len(keys)
texts = [key for key in keys if key.endswith(".srt")]
for key in keys:
    content = ours.get_object(Bucket=BUCKET, Key=key)["Body"].read() if key in texts else b"video"
    moto.put_object(Bucket=BUCKET, Key=key, Body=content)

compared = 0


def same(call):
    global compared
    left, right = outcome(lambda: call(ours)), outcome(lambda: call(moto))
    assert left == right, f"the simulator has {left}, moto {right}"
    compared += 1


for size in (7, 90, 1000):
    same(lambda s3: pages(s3, size))
    same(lambda s3: pages(s3, size, Prefix="videos/0000001"))
    same(lambda s3: pages(s3, size, Prefix=keys[3]))
    same(lambda s3: pages(s3, size, StartAfter=keys[40]))
    same(lambda s3: pages(s3, size, Prefix="videos/", StartAfter="videos/00000030~"))
    same(lambda s3: pages(s3, size, Prefix="none"))
same(lambda s3: s3.list_objects_v2(Bucket=BUCKET, MaxKeys=3)["KeyCount"])
same(lambda s3: s3.list_objects_v2(Bucket=BUCKET, MaxKeys=3)["IsTruncated"])
same(lambda s3: s3.list_objects_v2(Bucket="nobody-has-this"))
for key in texts:
    same(lambda s3: s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"])
    same(lambda s3: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    same(lambda s3: s3.get_object(Bucket=BUCKET, Key=key)["ETag"])
for span in ("bytes=2-4", "bytes=7-", "bytes=-3", "bytes=5-9999"):
    same(lambda s3: s3.get_object(Bucket=BUCKET, Key=texts[0], Range=span)["Body"].read())
    same(lambda s3: s3.get_object(Bucket=BUCKET, Key=texts[0], Range=span)["ContentRange"])
same(lambda s3: s3.get_object(Bucket=BUCKET, Key=texts[0], Range="bytes=9999-"))
same(lambda s3: s3.get_object(Bucket=BUCKET, Key="none"))
same(lambda s3: s3.head_object(Bucket=BUCKET, Key="none"))
same(lambda s3: s3.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])


def fetched(s3):
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": texts[1]}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        return answer.read()


same(fetched)
server.stop()
print(f"the simulator's S3 answers as moto does: {compared} comparisons")
