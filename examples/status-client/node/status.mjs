// Reads the status of a running maitred with the stock gRPC packages.
//
//     npm install
//     node status.mjs /run/user/1000/maitred/NAME/admin.sock

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("../../../proto/maitred/v1/status.proto", import.meta.url));
const options = { keepCase: true, longs: Number, enums: String, defaults: true };
const { maitred } = grpc.loadPackageDefinition(loader.loadSync(proto, options));

const target = `unix:${process.argv[2]}`;
const client = new maitred.v1.Status(target, grpc.credentials.createInsecure());
client.Get({}, { deadline: Date.now() + 5000 }, (error, status) => {
  if (error) throw error;
  for (const { name, readiness, slots, totals } of status.pools) {
    console.log(`${name} ${readiness}`);
    console.log(`  slots ${slots.total}: ${slots.running} running, ${slots.deferred} deferred`);
    console.log(`  arrived ${totals.arrived}, done ${totals.done}, failed ${totals.failed}`);
  }
  client.close();
});
