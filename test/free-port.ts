import { once } from 'node:events'
import { createServer } from 'node:net'

const portsPerProcess = 16
let next = 12_000 + (process.pid % 1000) * portsPerProcess

/** A TCP port of 127.0.0.1 that nobody has, and that the kernel gives to nobody of its own accord (`net.ipv4.ip_local_port_range`): it stays free until the test takes it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
