"""Uploads a file by tuspy: two parts, then anew from what the server says, to the end."""

import json
import sys

from tusclient import client

base, token, path = sys.argv[1:]
tus = client.TusClient(base, headers={"Authorization": "Bearer " + token})
metadata = {"channelId": "c", "filename": "upload.bin", "filetype": "application/octet-stream"}
first = tus.uploader(path, chunk_size=1_000_000, metadata=metadata)
first.upload_chunk()
first.upload_chunk()

# As after a restart of the client: all that is left is the address.
second = tus.uploader(path, chunk_size=1_500_000, url=first.url)
offset = second.get_offset()
second.offset = offset
second.upload()
print(json.dumps({"url": first.url, "offset": offset}))
