import { readlinkSync } from 'node:fs'
import { breathe } from './netlink/dump.ts'
import { namesIn, textOf } from './read-if-there.ts'

/** TCP_LISTEN of include/net/tcp_states.h, as proc(5) shows it. */
const LISTEN = '0A'

/**
 * TCP ports at which processes of this name listen in this network namespace, from /proc alone (proc(5): net/tcp, comm, fd). What cannot be read, because the
 * process has gone or belongs to somebody else, counts as nothing.
 */
export function listeningPorts(command: string): number[] {
  const search = searchListeners(command)
  for (;;) {
    const { done, value } = search.next()
    if (done) return value
  }
}

/** The same, with the event loop running in between: a node has thousands of processes, each of which takes some 20 µs. */
export async function listeningPortsGently(command: string): Promise<number[]> {
  const search = searchListeners(command)
  for (;;) {
    const { done, value } = search.next()
    if (done) return value
    await breathe()
  }
}

/** Processes looked at in one go. */
const PROCESSES_AT_ONCE = 50

/** Stops after so many processes; returns what it found. */
function* searchListeners(command: string): Generator<undefined, number[]> {
  const sockets = new Set<string>()
  for (const [count, pid] of namesIn('/proc').entries()) {
    if (count % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) yield
    if (!/^\d+$/.test(pid) || textOf(`/proc/${pid}/comm`).trim() !== command) continue
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined) sockets.add(inode)
    }
  }
  if (sockets.size === 0) return []
  const ports = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => listenersIn(textOf(path)))
  return [...new Set(ports.flatMap(({ port, inode }) => (sockets.has(inode) ? [port] : [])))].toSorted((a, b) => a - b)
}

/** Columns: sl, local_address (hex address:port), rem_address, st, four more, timeout, inode. */
function listenersIn(text: string): { port: number; inode: string }[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      return state === LISTEN ? [{ port: Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16), inode }] : []
    })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
