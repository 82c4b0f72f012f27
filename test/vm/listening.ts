import { once } from 'node:events'
import type { Server } from 'node:net'

/** The server, once it listens on the socket, which it then owns. */
export async function listening(server: Server, fd: number): Promise<Server> {
  server.listen({ fd })
  await once(server, 'listening')
  return server
}
