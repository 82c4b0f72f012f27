import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** One channel of port-forward over WebSocket: its number before each message. The first message of each is the port it is for, in two bytes, the low one first. */
export class PortChannel extends Duplex {
  readonly #socket: WebSocket
  readonly #number: number

  constructor(socket: WebSocket, number: number, port: number) {
    super()
    this.#socket = socket
    this.#number = number
    const greeting = Buffer.alloc(2)
    greeting.writeUInt16LE(port)
    this.write(greeting)
  }

  receive(data: Buffer): void {
    if (!this.destroyed && !this.push(data)) this.#socket.pause()
  }

  /** The client has gone: what it has sent is still there to be read, and then that is all. */
  hangUp(): void {
    if (this.destroyed) return
    this.once('end', () => this.destroy())
    this.push(null)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(data: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.send(Buffer.concat([Buffer.from([this.#number]), data]), (error) => done(error))
  }
}
