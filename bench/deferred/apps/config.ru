# The app of the trace in Rack: GET /SERVICE/DEFERRED/NUMBER sleeps before and after its answer.
#
# What it defers is in the body's `close`, which all of these servers call in the process, or the
# thread, that served the request, before it takes the next one.

# A body of one piece that goes on working for a while when it is closed.
class Deferring
  def initialize(text, seconds)
    @text = text
    @seconds = seconds
  end

  def each
    yield @text
  end

  def close
    sleep @seconds
  end
end

run(lambda do |env|
  _, service, deferred, = env['PATH_INFO'].split('/').map { |part| part.to_i / 1e6 }
  sleep service if service && service > 0
  text = "#{Process.pid}\n"
  headers = { 'Content-Type' => 'text/plain', 'Content-Length' => text.bytesize.to_s }
  [200, headers, deferred && deferred > 0 ? Deferring.new(text, deferred) : [text]]
end)
