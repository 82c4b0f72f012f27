import { once } from 'node:events'
import { get } from 'node:http'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { targetPort } from './objects.ts'

/** What the bench asks of its process inside a contender's namespace. */
export type Question =
  | { ask: 'reachable'; addresses: string[] }
  | { ask: 'rate'; addresses: string[]; seconds: number }
  | { ask: 'metrics' }

/** Serves every endpoint: it lives in the namespace of the pods, where their whole CIDR is local. */
export async function podsWorker(): Promise<void> {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  server.listen(targetPort, '0.0.0.0', 4096)
  await once(server, 'listening')
  process.send?.('ready')
  process.once('disconnect', () => process.exit())
}

/** The clients on the node. */
export function nodeWorker(): void {
  process.on('message', (question: Question) => void answer(question).then((result) => process.send?.(result)))
  process.once('disconnect', () => process.exit())
  process.send?.('ready')
}

async function answer(question: Question): Promise<unknown> {
  if (question.ask === 'metrics') return metrics()
  if (question.ask === 'rate') return rate(question.addresses, question.seconds)
  const reached = await Promise.all(question.addresses.map((address) => exchange(address, 100)))
  return reached.every((one) => one)
}

const parallel = 16

/** Connections opened and closed in a second, one after the other in each of a few loops. */
async function rate(addresses: string[], seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  let count = 0
  const loop = async (start: number): Promise<void> => {
    for (let i = start; performance.now() < until; i += 7919) {
      if (await exchange(addresses[i % addresses.length] as string)) count++
      else await sleep(1)
    }
  }
  await Promise.all(Array.from({ length: parallel }, (_, i) => loop(i)))
  return count / seconds
}

/** A SYN that was lost would be sent again after a second only; whoever asks often gives up sooner. */
function exchange(address: string, timeoutMs = 2000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 80 })
    socket.setTimeout(timeoutMs, () => socket.destroy())
    socket.on('error', () => {})
    let ended = false
    socket.on('end', () => (ended = true))
    socket.on('close', () => resolve(ended))
    socket.resume()
  })
}

/** kube-proxy's metrics, where the contender serves them; empty elsewhere. */
function metrics(): Promise<string> {
  return new Promise((resolve) => {
    const request = get('http://127.0.0.1:10249/metrics', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(text))
    })
    request.on('error', () => resolve(''))
  })
}
