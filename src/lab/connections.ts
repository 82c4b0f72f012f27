import type { Server, Socket } from 'node:net'

/** All connections of a server, kept as they come and go: also those that were upgraded, and those on which nothing was asked yet. */
export function connectionsOf(server: Server): Set<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}
