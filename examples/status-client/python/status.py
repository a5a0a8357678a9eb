"""Reads the status of a running maitred with the stock gRPC packages.

    pip install -r requirements.txt
    python status.py /run/user/1000/maitred/NAME/admin.sock
"""

import sys
from pathlib import Path

import grpc

# Not proto/ itself: the module would be maitred.v1, and the SDK is called maitred too.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "proto" / "maitred"))
protos, services = grpc.protos_and_services("v1/status.proto")

# The name of the host would be the socket's path, which is not a name that HTTP/2 allows.
options = [("grpc.default_authority", "localhost")]
with grpc.insecure_channel(f"unix:{sys.argv[1]}", options) as channel:
    status = services.StatusStub(channel).Get(protos.GetRequest(), timeout=5)

for pool in status.pools:
    slots, totals = pool.slots, pool.totals
    print(f"{pool.name} {protos.Readiness.Name(pool.readiness)}")
    print(f"  slots {slots.total}: {slots.running} running, {slots.deferred} deferred")
    print(f"  arrived {totals.arrived}, done {totals.done}, failed {totals.failed}")
