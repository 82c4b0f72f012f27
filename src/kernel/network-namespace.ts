import { WeftError } from '../model/error.ts'
import { check, libc } from './ffi.ts'

/** Where iproute2 keeps named network namespaces (ip-netns(8)). */
export const netnsDir = '/run/netns'

// fcntl.h and sched.h
const O_RDONLY = 0
const O_CLOEXEC = 0o2000000
const CLONE_NEWNET = 0x40000000

/** A namespace by name (below /run/netns), by path, or opened. */
export type NetnsRef = string | NetworkNamespace

let homeFd = -1
/** The namespace that this thread is in right now: nested `run`s go back to the one around them. */
let currentFd = -1

function home(): number {
  if (homeFd < 0) {
    homeFd = check(libc().open('/proc/thread-self/ns/net', O_RDONLY | O_CLOEXEC), 'open', '/proc/thread-self/ns/net')
    currentFd = homeFd
  }
  return homeFd
}

/**
 * An open network namespace. It stays alive as long as this object is open, even when its name is deleted: close it.
 *
 * setns(2) moves one thread, and here that is the thread of the event loop: use it on the main thread only. Threads of libuv's pool never move,
 * so inside `run` use synchronous calls (fs.readFileSync, child_process.spawn), never fs.promises.
 */
export class NetworkNamespace {
  readonly path: string
  #fd: number
  readonly #closers: (() => void)[] = []

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /** @param path e.g. `/run/netns/x`, `/proc/PID/ns/net`, `/proc/PID/root/run/netns/x`. @throws KernelError, e.g. ENOENT */
  static open(path: string): NetworkNamespace {
    home()
    return new NetworkNamespace(path, check(libc().open(path, O_RDONLY | O_CLOEXEC), 'open', path))
  }

  /** One that `ip netns list` shows. @throws KernelError, ENOENT if there is none of that name */
  static named(name: string): NetworkNamespace {
    return NetworkNamespace.open(netnsPath(name))
  }

  get closed(): boolean {
    return this.#fd < 0
  }

  /**
   * Calls `fn` with this thread inside the namespace; sockets opened there stay there. `fn` must be synchronous: what it awaits would happen
   * outside. If the thread cannot go back the process aborts, since everything it does from then on would be in the wrong namespace.
   */
  run<T>(fn: () => T): T {
    if (this.#fd < 0) throw misuse(`the network namespace ${this.path} is closed`)
    const before = currentFd
    check(libc().setns(this.#fd, CLONE_NEWNET), 'setns', this.path)
    currentFd = this.#fd
    let result: T
    try {
      result = fn()
    } finally {
      if (libc().setns(before, CLONE_NEWNET) < 0) process.abort()
      currentFd = before
    }
    if (result instanceof Promise) throw misuse('a function that runs in a network namespace must be synchronous')
    return result
  }

  /** Calls `close` when the namespace is closed: for sockets kept per namespace, which would keep it alive. */
  onClose(close: () => void): void {
    this.#closers.push(close)
  }

  /** Closes it and the sockets kept for it. Closing twice is allowed. */
  close(): void {
    if (this.#fd < 0) return
    libc().close(this.#fd)
    this.#fd = -1
    for (const close of this.#closers.splice(0)) close()
  }
}

const misuse = (message: string): WeftError => new WeftError(message, { code: 'NETNS_MISUSE', fault: 'internal' })

/** `x` → `/run/netns/x`; a path stays as it is. */
export const netnsPath = (nameOrPath: string): string =>
  nameOrPath.includes('/') ? nameOrPath : `${netnsDir}/${nameOrPath}`

/** Calls `fn` inside the namespace that is meant: opened and closed again for a name or path, none at all for undefined. */
export function runIn<T>(netns: NetnsRef | undefined, fn: () => T): T {
  if (netns === undefined) return fn()
  if (typeof netns !== 'string') return netns.run(fn)
  const opened = NetworkNamespace.open(netnsPath(netns))
  try {
    return opened.run(fn)
  } finally {
    opened.close()
  }
}
