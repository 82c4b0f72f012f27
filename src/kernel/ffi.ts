import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import type * as Koffi from 'koffi'
import { WeftError } from '../model/error.ts'
import { errnoName, errnoValues, KernelError } from './errors.ts'

/**
 * The only file that talks to shared libraries. Everything is loaded at first use: a command that needs no kernel pays
 * nothing for it. Pointers are declared `void *` and take Buffers; that is koffi's cheapest way in.
 */

/** Calls of libc as they are: a result below 0 means failure, with the reason in `lastErrno()`. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Buffer, length: number): number
  connect(fd: number, address: Buffer, length: number): number
  listen(fd: number, backlog: number): number
  setsockopt(fd: number, level: number, option: number, value: Buffer, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Buffer, lengthInOut: Buffer): number
  getsockname(fd: number, address: Buffer, lengthInOut: Buffer): number
  send(fd: number, data: Buffer, length: number, flags: number): number
  sendto(fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number): number
  recv(fd: number, data: Buffer, length: number, flags: number): number
  recvfrom(fd: number, data: Buffer, length: number, flags: number, from: Buffer, fromLengthInOut: Buffer): number
  close(fd: number): number
  setns(fd: number, type: number): number
  open(path: string, flags: number): number
  fcntl(fd: number, command: number, argument: number): number
  ioctl(fd: number, request: number, argument: Buffer): number
}

type Pointer = unknown

/** libnftables(3). A context is used by one caller at a time. */
export interface LibNftables {
  nft_ctx_new(flags: number): Pointer
  nft_ctx_free(context: Pointer): void
  nft_ctx_buffer_output(context: Pointer): number
  nft_ctx_buffer_error(context: Pointer): number
  nft_ctx_get_output_buffer(context: Pointer): string
  nft_ctx_get_error_buffer(context: Pointer): string
  nft_ctx_output_set_flags(context: Pointer, flags: number): void
  nft_run_cmd_from_buffer(context: Pointer, text: string): number
}

const prototypesOfLibc: Record<keyof Libc, string> = {
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, void *address, uint32_t length)',
  connect: 'int connect(int fd, void *address, uint32_t length)',
  listen: 'int listen(int fd, int backlog)',
  setsockopt: 'int setsockopt(int fd, int level, int option, void *value, uint32_t length)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *length)',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  send: 'int64_t send(int fd, void *data, size_t length, int flags)',
  sendto: 'int64_t sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t addressLength)',
  recv: 'int64_t recv(int fd, void *data, size_t length, int flags)',
  recvfrom: 'int64_t recvfrom(int fd, void *data, size_t length, int flags, void *from, void *fromLength)',
  close: 'int close(int fd)',
  setns: 'int setns(int fd, int type)',
  open: 'int open(const char *path, int flags)',
  fcntl: 'int fcntl(int fd, int command, int argument)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
}

const prototypesOfNftables: Record<keyof LibNftables, string> = {
  nft_ctx_new: 'void *nft_ctx_new(uint32_t flags)',
  nft_ctx_free: 'void nft_ctx_free(void *context)',
  nft_ctx_buffer_output: 'int nft_ctx_buffer_output(void *context)',
  nft_ctx_buffer_error: 'int nft_ctx_buffer_error(void *context)',
  nft_ctx_get_output_buffer: 'const char *nft_ctx_get_output_buffer(void *context)',
  nft_ctx_get_error_buffer: 'const char *nft_ctx_get_error_buffer(void *context)',
  nft_ctx_output_set_flags: 'void nft_ctx_output_set_flags(void *context, unsigned int flags)',
  nft_run_cmd_from_buffer: 'int nft_run_cmd_from_buffer(void *context, const char *text)',
}

const backgroundStackBytes = 2 << 20

let koffiModule: typeof Koffi | undefined
let loadedLibc: Libc | undefined
let loadedNftables: LibNftables | null | undefined

function koffi(): typeof Koffi {
  if (koffiModule) return koffiModule
  try {
    koffiModule = createRequire(import.meta.url)('koffi') as typeof Koffi
    // nft's parser needs more than koffi's 128 KiB on a thread beside the event loop; what is not touched costs nothing.
    koffiModule.config({ async_stack_size: backgroundStackBytes })
    return koffiModule
  } catch (cause) {
    throw new WeftError('the package koffi, through which Weft calls the kernel, does not load', {
      code: 'FFI_UNAVAILABLE',
      fault: 'internal',
      remedy: 'install the dependencies again (npm ci), on x64 or arm64 Linux with glibc or musl',
      cause,
    })
  }
}

function bindAll<T>(library: Koffi.LibraryHandle, prototypes: Record<keyof T & string, string>): T {
  const functions: Record<string, unknown> = {}
  for (const name of Object.keys(prototypes)) functions[name] = library.func(prototypes[name as keyof T & string])
  return functions as T
}

/** libc, which is in the process already. @throws WeftError FFI_UNAVAILABLE */
export function libc(): Libc {
  loadedLibc ??= bindAll<Libc>(koffi().load(null), prototypesOfLibc)
  return loadedLibc
}

/** Gives back to the kernel what malloc holds and nobody uses: malloc_trim(3) of glibc; other libraries have none, and nothing happens. */
export function trimMalloc(): void {
  try {
    koffi().load(null).func('int malloc_trim(size_t pad)')(0)
  } catch {
    // musl gives back by itself.
  }
}

/**
 * A call of libc on a thread of libuv's pool, for those that may take long; buffers must not be touched until it is done. errno is lost: where the result is negative,
 * make the call again by `libc()`.
 */
export const libcInBackground = <K extends keyof Libc>(name: K, ...args: Parameters<Libc[K]>): Promise<number> =>
  inBackground<number>(libc()[name], args)

/** A call of libnftables on a thread of libuv's pool, which is in the process's own network namespace. Nobody else may use the context meanwhile. */
export const nftablesInBackground = <K extends 'nft_run_cmd_from_buffer' | 'nft_ctx_free'>(
  library: LibNftables,
  name: K,
  ...args: Parameters<LibNftables[K]>
): Promise<ReturnType<LibNftables[K]>> => inBackground(library[name], args)

function inBackground<T>(call: unknown, args: readonly unknown[]): Promise<T> {
  type Asynchronous = { async(...args: unknown[]): void }
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: T): void => (error ? reject(error) : resolve(result))
    ;(call as Asynchronous).async(...args, done)
  })
}

/** libnftables, or undefined where the package libnftables1 is not installed. */
export function libnftables(): LibNftables | undefined {
  if (loadedNftables === undefined) {
    try {
      loadedNftables = bindAll<LibNftables>(koffi().load('libnftables.so.1'), prototypesOfNftables)
    } catch (error) {
      if (error instanceof WeftError) throw error
      loadedNftables = null
    }
  }
  return loadedNftables ?? undefined
}

/** errno of the last call that failed; read it before anything else is called. */
export const lastErrno = (): number => koffi().errno()

/** Gives back a result that is not negative. @throws KernelError otherwise */
export function check(result: number, operation: string, where?: string): number {
  if (result >= 0) return result
  throw new KernelError({ errno: lastErrno(), operation, ...(where !== undefined && { where }) })
}

/** What is used of libuv, which node exports: the loop of the main thread (uv_poll_t, docs.libuv.org). */
interface LibUv {
  uv_default_loop(): Pointer
  uv_handle_size(type: number): bigint | number
  uv_poll_init(loop: Pointer, handle: Pointer, fd: number): number
  uv_poll_start(handle: Pointer, events: number, callback: Pointer): number
  uv_unref(handle: Pointer): void
  uv_close(handle: Pointer, callback: Pointer): void
}

const prototypesOfUv: Record<keyof LibUv, string> = {
  uv_default_loop: 'void *uv_default_loop()',
  uv_handle_size: 'size_t uv_handle_size(int type)',
  uv_poll_init: 'int uv_poll_init(void *loop, void *handle, int fd)',
  uv_poll_start: 'int uv_poll_start(void *handle, int events, void *callback)',
  uv_unref: 'void uv_unref(void *handle)',
  uv_close: 'void uv_close(void *handle, void *callback)',
}

const UV_HANDLE_POLL = 8
const UV_READABLE = 1

interface Uv {
  functions: LibUv
  pollCallback: Koffi.TypeObject
  closeCallback: Koffi.TypeObject
}

let loadedUv: Uv | null | undefined

/** null where node does not export libuv: built against a shared one that is not loaded globally. */
function uv(): Uv | null {
  if (loadedUv !== undefined) return loadedUv
  const ffi = koffi()
  try {
    loadedUv = {
      functions: bindAll<LibUv>(ffi.load(null), prototypesOfUv),
      pollCallback: ffi.pointer(ffi.proto('void WeftPollCallback(void *handle, int status, int events)')),
      closeCallback: ffi.pointer(ffi.proto('void WeftCloseCallback(void *handle)')),
    }
  } catch {
    loadedUv = null
  }
  return loadedUv
}

/**
 * Calls `onReadable` on the event loop whenever `fd` can be read, until closed; undefined where that is not possible (no libuv to be had, or not the
 * main thread, whose loop it is). Level-triggered: read until EAGAIN. Does not keep the process alive. The caller keeps `fd` open until
 * `close` has returned and closes it then.
 */
export function pollReadable(fd: number, onReadable: () => void): { close(): void } | undefined {
  const loaded = isMainThread ? uv() : null
  if (loaded === null) return undefined
  const { functions, pollCallback, closeCallback } = loaded
  const ffi = koffi()
  const handle = ffi.alloc('uint8_t', Number(functions.uv_handle_size(UV_HANDLE_POLL))) as Pointer
  if (functions.uv_poll_init(functions.uv_default_loop(), handle, fd) !== 0) {
    ffi.free(handle)
    return undefined
  }
  let open = true
  // An exception that left the callback would stay pending in V8 and abort the process at its next garbage collection.
  const onEvent = ffi.register((_: Pointer, status: number) => {
    try {
      onReadable()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
    // A pending error of the socket (a netlink socket's ENOBUFS) makes libuv stop watching (uv__poll_io); it has been read now.
    if (status < 0 && open) functions.uv_poll_start(handle, UV_READABLE, onEvent)
  }, pollCallback)
  const onClosed = ffi.register(() => {
    // Neither handle nor callbacks may go while libuv is still inside of them.
    setImmediate(() => {
      ffi.unregister(onEvent)
      ffi.unregister(onClosed)
      ffi.free(handle)
    })
  }, closeCallback)
  functions.uv_unref(handle)
  functions.uv_poll_start(handle, UV_READABLE, onEvent)
  return {
    close: () => {
      if (open) functions.uv_close(handle, onClosed)
      open = false
    },
  }
}

export { errnoName, errnoValues }
