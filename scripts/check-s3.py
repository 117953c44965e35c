"""What botocore and moto say, for comparison. See check-s3."""

import datetime
import json
import logging
import os
import random
import subprocess
import sys

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials

PAIR = {
    "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
ALPHABET = "abcXYZ019 /+=&?#%~._-!'()*,:;@$[]{}|\\^`\"<>\t\u00e9e\u0301\u2013\u7247\U0001f3ac"


class Clock(datetime.datetime):
    """The time that botocore signs with."""

    moment = None

    @classmethod
    def utcnow(cls):
        return cls.moment

    @classmethod
    def now(cls, tz=None):
        return cls.moment.replace(tzinfo=tz)


def encoded(key, safe):
    return "".join(chr(b) if chr(b) in safe and b < 128 else f"%{b:02X}" for b in key.encode())


def cases(count=2000, seed=15):
    """One JSON object for each case, with the signature that botocore computes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
    dice = random.Random(seed)
    stamps = [name for name in ("get_current_datetime",) if hasattr(botocore.auth, name)]
    for _ in range(count):
        key = "".join(dice.choice(ALPHABET) for _ in range(dice.randint(1, 40)))
        bucket = dice.choice(["media-west", "media.west", "a1b"])
        region = dice.choice(["us-west-2", "eu-central-1", "ap-southeast-4"])
        token = dice.choice([None, "FwoGZXIv/to+ken==" + "".join(dice.choice(letters + "/+=") for _ in range(200))])
        moment = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=dice.randint(0, 10**8))
        life = dice.randint(1, 604800)
        method = dice.choice(["GET", "HEAD"])
        pays = dice.random() < 0.3
        host = f"s3.{region}.amazonaws.com"
        path = "/" + encoded(key, letters + "/")
        if "." in bucket:
            path = "/" + bucket + path
        else:
            host = f"{bucket}.{host}"
        Clock.moment = moment
        if stamps:
            botocore.auth.get_current_datetime = lambda remove_tzinfo=True: Clock.moment
        else:
            botocore.auth.datetime.datetime = Clock
        url = f"https://{host}{path}" + ("?x-amz-request-payer=requester" if pays else "")
        credentials = botocore.credentials.Credentials(
            PAIR["aws_access_key_id"], PAIR["aws_secret_access_key"], token
        )
        request = botocore.awsrequest.AWSRequest(method=method, url=url)
        botocore.auth.S3SigV4QueryAuth(credentials, "s3", region, expires=life).add_auth(request)
        query = request.url.rsplit("X-Amz-Signature=", 1)[1]
        headers = botocore.awsrequest.AWSRequest(
            method=method, url=f"https://{host}{path}?prefix={encoded(key, letters)}"
        )
        botocore.auth.S3SigV4Auth(credentials, "s3", region).add_auth(headers)
        print(
            json.dumps(
                {
                    "key": key,
                    "bucket": bucket,
                    "region": region,
                    "token": token,
                    "seconds": int(moment.replace(tzinfo=datetime.timezone.utc).timestamp()),
                    "life": life,
                    "method": method,
                    "pays": pays,
                    "query": query,
                    "header": headers.headers["Authorization"].rsplit("Signature=", 1)[1],
                }
            )
        )


def listing():
    """Lists a bucket at moto with boto3 and with `orchestrate list`, which have to agree."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        s3 = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="eu-west-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}),
            **PAIR,
        )
        bucket = "media.west"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        names = [f"videos/{n:04}.mp4" for n in range(1_050)]
        names += ["night 1/a+b=c&d~e/\u00fc\u2013\u7247/01 (final).mp4", "e\u0301.mp4", "\u00e9.mp4", "x<&>\".mp4", "%41.mp4"]
        for name in names:
            s3.put_object(Bucket=bucket, Key=name, Body=b"video")
        variables = dict(os.environ, HOME="/nonexistent", AWS_ACCESS_KEY_ID=PAIR["aws_access_key_id"])
        variables["AWS_SECRET_ACCESS_KEY"] = PAIR["aws_secret_access_key"]
        found = subprocess.run(
            [os.environ["ORCHESTRATE"], "list", f"s3://{bucket}", "--index-id", "6298d673f1090f1100476d4c"]
            + ["--s3-endpoint", address],
            env=variables,
            capture_output=True,
        )
        assert found.returncode == 0, found.stderr.decode()
        objects = [item["object"] for item in json.loads(found.stdout)]
        assert objects == [f"s3://{bucket}/{name}" for name in sorted(names, key=str.encode)], objects
        print(f"{len(objects)} objects, in the same order")
    finally:
        server.stop()


if __name__ == "__main__":
    {"cases": cases, "listing": listing}[sys.argv[1]]()
