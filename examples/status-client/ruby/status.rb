# Reads the status of a running maitred with the stock gRPC packages.
#
#     apt install ruby-grpc ruby-grpc-tools
#     ruby status.rb /run/user/1000/maitred/NAME/admin.sock

require "grpc"
require "tmpdir"

# The messages are generated anew each time; a program would do that once, when it is built.
generated = Dir.mktmpdir
at_exit { FileUtils.remove_entry(generated) }
proto = File.expand_path("../../../proto", __dir__)
system("grpc_tools_ruby_protoc", "-I#{proto}", "--ruby_out=#{generated}",
       "--grpc_out=#{generated}", "maitred/v1/status.proto", exception: true)
$LOAD_PATH.unshift(generated)
require "maitred/v1/status_services_pb"

# The name of the host would be the socket's path, which is not a name that HTTP/2 allows.
options = { channel_args: { "grpc.default_authority" => "localhost" } }
target = "unix:#{ARGV.fetch(0)}"
stub = Maitred::V1::Status::Stub.new(target, :this_channel_is_insecure, **options)
status = stub.get(Maitred::V1::GetRequest.new, deadline: Time.now + 5)

status.pools.each do |pool|
  slots, totals = pool.slots, pool.totals
  puts "#{pool.name} #{pool.readiness}"
  puts "  slots #{slots.total}: #{slots.running} running, #{slots.deferred} deferred"
  puts "  arrived #{totals.arrived}, done #{totals.done}, failed #{totals.failed}"
end
