import type { Socket as DatagramSocket } from 'node:dgram'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { NetworkNamespace } from '../../kernel/namespaces.ts'
import { connectTcp, udpSocket } from '../../kernel/sockets.ts'
import { parseEchoReply } from '../echo-protocol.ts'
import { OwnTime } from './own-time.ts'
import type { Claim, Observation, Target } from './types.ts'

/** How long to wait for an answer; silence that is expected need not be waited for as long. In milliseconds. */
export interface Patience {
  answerMs: number
  silenceMs: number
}

/** More than a lost first packet costs: TCP sends its SYN again after one second. */
export const usualPatience: Patience = { answerMs: 2_000, silenceMs: 700 }

/** At the second attempt, so that a machine that is slow for the moment makes no mismatch. */
export const morePatience: Patience = { ...usualPatience, answerMs: 4_000 }

/** Where no answer can come: so long that one would show all the same. */
export const littlePatience: Patience = { answerMs: 700, silenceMs: 700 }

const time = new OwnTime()

/** Largest body that is read, in bytes; an echo server's is a few hundred. */
const largestBodyBytes = 65_536

/** After so long without a sign of anybody there, what is left of a try is waiting. In milliseconds. */
const quietMs = 300

/**
 * Tries a claim's target once, from inside the namespace, by a new connection or source port.
 *
 * @param onQuiet told when nothing has come back for a while: from then on the try takes time, and nothing else
 * @returns what came of it; errors of the network are observations, not exceptions
 * @throws KernelError where no socket can be made at all
 */
export async function probe(
  claim: Claim,
  ns: NetworkNamespace,
  patience: Patience = usualPatience,
  onQuiet: () => void = () => {},
): Promise<Observation> {
  const { target, expectation } = claim
  const timeoutMs = waitFor(claim, patience)
  if (expectation.kind === 'api') return askAPI(ns, target, { timeoutMs, onQuiet })
  if (target.protocol === 'UDP') return askUDP(ns, target, { timeoutMs, onQuiet })
  return askTCP(ns, target, { timeoutMs, onQuiet })
}

interface Waiting {
  timeoutMs: number
  onQuiet: () => void
}

/** A refusal comes at once where it is TCP's; UDP may be refused by silence. */
const waitFor = ({ expectation, target }: Claim, { answerMs, silenceMs }: Patience): number =>
  expectation.kind === 'silence' ||
  expectation.kind === 'untaken' ||
  (expectation.kind === 'refused' && target.protocol === 'UDP')
    ? silenceMs
    : answerMs

async function askTCP(ns: NetworkNamespace, target: Target, waiting: Waiting): Promise<Observation> {
  const socket = connectTcp(ns, target)
  return within(waiting, socket, async () => {
    await once(socket, 'connect')
    const { statusCode, body } = await get(socket, target, '/verify')
    const reply = parseEchoReply(body)
    return reply === undefined ? { outcome: 'stranger', detail: `HTTP ${statusCode}` } : { outcome: 'answer', reply }
  })
}

/** The API's certificate is not looked at: what is checked is that packets arrive, and at something that speaks TLS and HTTP. */
async function askAPI(ns: NetworkNamespace, target: Target, waiting: Waiting): Promise<Observation> {
  const socket = connectTcp(ns, target)
  return within(waiting, socket, async () => {
    await once(socket, 'connect')
    const tls = connectTls({ socket, rejectUnauthorized: false })
    await once(tls, 'secureConnect')
    const { statusCode } = await get(tls, target, '/version')
    return { outcome: 'api', detail: `${tls.getProtocol() ?? 'TLS'}, HTTP ${statusCode}` }
  })
}

/** One request over a socket that is connected already. */
function get(socket: Socket, target: Target, path: string): Promise<{ statusCode: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: `${target.address}:${target.port}`, connection: 'close' }
    const outgoing = request({ path, headers, createConnection: () => socket })
    outgoing.on('error', reject)
    outgoing.once('response', (response) => {
      readBody(response).then((body) => resolve({ statusCode: response.statusCode ?? 0, body }), reject)
    })
    outgoing.end()
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > largestBodyBytes) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function askUDP(ns: NetworkNamespace, target: Target, waiting: Waiting): Promise<Observation> {
  const socket = await udpSocket(ns, target.address.includes(':') ? { address: '::' } : {})
  return within(waiting, { connecting: true, destroy: () => closeDatagram(socket) }, async () => {
    const answer = receive(socket)
    // Connected, so that the kernel reports ICMP errors on it and takes no answer from anywhere else.
    socket.connect(target.port, target.address)
    await Promise.race([once(socket, 'connect'), answer])
    socket.send('verify')
    const reply = parseEchoReply((await answer).toString('utf8'))
    return reply === undefined ? { outcome: 'stranger', detail: 'a datagram' } : { outcome: 'answer', reply }
  })
}

const receive = (socket: DatagramSocket): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    socket.once('message', resolve)
    socket.once('error', reject)
  })

function closeDatagram(socket: DatagramSocket): void {
  socket.removeAllListeners('error').on('error', () => {})
  socket.close()
}

function once(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => resolve())
    emitter.on('error', reject)
  })
}

/**
 * Runs one exchange, ends it after the time given, and destroys its socket whatever happened. A server that is slow to answer is not quiet: its kernel takes the connection
 * at once.
 */
async function within(
  { timeoutMs, onQuiet }: Waiting,
  socket: { connecting: boolean; destroy(): unknown },
  exchange: () => Promise<Observation>,
): Promise<Observation> {
  let isOver = false
  const timers: (() => void)[] = []
  const timeout = new Promise<Observation>((resolve) => {
    timers.push(time.after(timeoutMs, () => resolve({ outcome: 'timeout' })))
  })
  // What has come meanwhile is seen before it is called quiet: a process that is late reads its sockets after its timers.
  const look = (): void => void setImmediate(() => !isOver && socket.connecting && onQuiet())
  timers.push(time.after(quietMs, look))
  try {
    return await Promise.race([exchange().catch(toObservation), timeout])
  } finally {
    isOver = true
    for (const callOff of timers) callOff()
    socket.destroy()
  }
}

function toObservation(error: NodeJS.ErrnoException): Observation {
  if (error.code === 'ECONNREFUSED') return { outcome: 'refused' }
  if (error.code === 'ETIMEDOUT') return { outcome: 'timeout' }
  return { outcome: 'error', detail: error.code ?? error.message }
}
