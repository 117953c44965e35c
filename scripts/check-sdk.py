"""What the vendor's SDK does against the simulator; ends with an assertion where it does not work. See check-sdk."""

import json
import os
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from twelvelabs import BadRequestError, TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import NotFoundError

SIMULATOR = os.environ["SIMULATOR"]
INDEX = "629d807aa9e2a3a33a92c00b"
OTHER = "629d807aa9e2a3a33a92c00c"
# The key pair of AWS's examples, which the simulator knows.
PAIR = botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def presigned(path, lifetime=3600):
    """A URL for GET of an object in the simulator's S3, signed by botocore."""
    request = botocore.awsrequest.AWSRequest(method="GET", url=SIMULATOR + path)
    botocore.auth.S3SigV4QueryAuth(PAIR, "s3", "us-west-2", expires=lifetime).add_auth(request)
    return request.url


def until(read, wanted):
    """Reads until the state is the wanted one; the simulator's clock is the machine's."""
    for _ in range(200):
        found = read()
        if found.status == wanted:
            return found
        assert found.status != "failed", found
        time.sleep(0.05)
    raise AssertionError(f"not {wanted} in time: {found}")


def refused(call, kind, status):
    """The call ends with that error."""
    try:
        call()
    except kind as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"not refused with {status}")


client = TwelveLabs(api_key=os.environ["API_KEY"], base_url=SIMULATOR + "/v1.3")
wrong = TwelveLabs(api_key="wrong", base_url=SIMULATOR + "/v1.3")
refused(lambda: wrong.assets.list(), ApiError, 401)

# Create by URL.
names = ["00000000", "00000001%20night%201", "00000002%20a%2Bb"]
made = [
    client.assets.create(
        method="url",
        url=presigned(f"/media-west/videos/{name}.mp4"),
        filename=f"Video-{number}.mp4",
        enable_hls=False,
        enable_thumbnail=False,
        user_metadata=json.dumps({"orchestrate_item": f"tag-{number}", "number": number}),
    )
    for number, name in enumerate(names)
]
assert all(asset.status == "processing" and asset.created_at for asset in made), made
assert made[0].user_metadata == {"orchestrate_item": "tag-0", "number": 0}, made[0]
refused(lambda: client.assets.create(method="url", filename="a.mp4"), BadRequestError, 400)
refused(
    lambda: client.assets.create(method="url", url="https://m.example/a.mp4", user_metadata="{"), BadRequestError, 400
)

# Retrieve.
ready = [until(lambda: client.assets.retrieve(asset.id), "ready") for asset in made]
assert all(asset.size > 0 and asset.duration > 0 and asset.technical_metadata.has_audio for asset in ready), ready
refused(lambda: client.assets.retrieve("0" * 24), NotFoundError, 404)
failed = client.assets.create(method="url", url=presigned("/media-west/none.mp4"), filename="none.mp4")
for _ in range(200):
    failed = client.assets.retrieve(failed.id)
    if failed.status != "processing":
        break
    time.sleep(0.05)
assert failed.status == "failed" and failed.error.message, failed

# List, with all filters.
ids = [asset.id for asset in made]
assert [row.id for row in client.assets.list(page_limit=2)] == [failed.id, *reversed(ids)]
assert [row.id for row in client.assets.list(asset_ids=[ids[0], ids[2]])] == [ids[2], ids[0]]
assert [row.id for row in client.assets.list(filename="video-1")] == [ids[1]]
assert [row.id for row in client.assets.list(asset_types=["video"])] == list(reversed(ids))
assert not list(client.assets.list(asset_types=["document", "image"]))
assert next(iter(client.assets.list(asset_ids=[ids[1]]))).user_metadata["orchestrate_item"] == "tag-1"
refused(lambda: client.assets.list(page_limit=51), BadRequestError, 400)

# Index.
assets = client.indexes.indexed_assets
indexed = [
    assets.create(INDEX, asset_id=asset, user_metadata={"orchestrate_item": f"tag-{number}"})
    for number, asset in enumerate(ids)
]
assert [entry.asset_id for entry in indexed] == ids, indexed
elsewhere = assets.create(OTHER, asset_id=ids[0])
refused(lambda: assets.create(INDEX, asset_id=failed.id), BadRequestError, 400)
refused(lambda: assets.create(INDEX, asset_id="0" * 24), NotFoundError, 404)
done = [until(lambda: assets.retrieve(INDEX, entry.id), "ready") for entry in indexed]
assert all(entry.indexed_at and entry.system_metadata.duration > 0 for entry in done), done
assert done[1].user_metadata == {"orchestrate_item": "tag-1"}, done[1]

# List what is in the index, with filters.
newest = [entry.id for entry in reversed(indexed)]
assert [row.id for row in assets.list(INDEX, page_limit=2)] == newest
assert [row.id for row in assets.list(INDEX, sort_by="created_at", sort_option="asc")] == newest[::-1]
assert {row.id for row in assets.list(INDEX, sort_by="updated_at", status=["ready", "failed"])} == set(newest)
assert not list(assets.list(INDEX, status=["pending", "queued"]))
assert [row.id for row in assets.list(INDEX, filename="video-2")] == [indexed[2].id]
span = {"gte": done[0].system_metadata.duration, "lte": done[0].system_metadata.duration}
assert indexed[0].id in [row.id for row in assets.list(INDEX, duration=span)]
assert not list(assets.list(INDEX, size={"lte": 1}, created_at="2020-01-01T00:00:00Z"))
assert not list(assets.list(INDEX, updated_at="2100-01-01T00:00:00Z"))
assert list(assets.list(INDEX, user_metadata={"orchestrate_item": "tag-1"}))

# List by asset.
places = {(row.id, row.index.id) for row in assets.list_by_asset(ids[0])}
assert places == {(indexed[0].id, INDEX), (elsewhere.id, OTHER)}, places
assert not list(assets.list_by_asset(failed.id))

# The older way in one call.
task = client.tasks.create(index_id=OTHER, video_url=presigned("/media-west/videos/00000003/%C3%BC%E2%80%93%E7%89%87.mp4"))
assert task.id and task.video_id, task
assert until(lambda: client.tasks.retrieve(task.id), "ready").index_id == OTHER
assert [row.id for row in client.tasks.list(index_id=OTHER, status=["ready"])] == [task.id]

# Indexes, changes and deletion.
assert {INDEX, OTHER} <= {row.id for row in client.indexes.list()}
index = client.indexes.retrieve(INDEX)
assert index.video_count == 3 and index.models[0].model_name and index.total_duration > 0, index
client.assets.update_user_metadata(ids[1], user_metadata={"added": True})
assert client.assets.retrieve(ids[1]).user_metadata["added"] is True
assets.update(INDEX, indexed[1].id, user_metadata={"added": "yes"})
assert assets.retrieve(INDEX, indexed[1].id).user_metadata["added"] == "yes"
refused(lambda: client.assets.delete(ids[1]), ApiError, 409)
assets.delete(INDEX, indexed[1].id)
client.assets.delete(ids[1])
refused(lambda: client.assets.retrieve(ids[1]), NotFoundError, 404)
client.assets.delete(ids[2], force=True)

print("the vendor's SDK works against the simulator")
