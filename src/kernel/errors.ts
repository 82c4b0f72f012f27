import { constants } from 'node:os'
import { type Fault, WeftError } from '../model/error.ts'

/** Values of errno by name, as this kernel's architecture has them (errno(3)). */
export const errnoValues: Readonly<Record<string, number>> = constants.errno

const namesByValue = new Map<number, string>()
for (const [name, value] of Object.entries(constants.errno)) {
  // Second names of EAGAIN and EOPNOTSUPP.
  if (name !== 'EWOULDBLOCK' && name !== 'ENOTSUP') namesByValue.set(value, name)
}

/** `2` → `ENOENT`; a value that errno(3) does not list → `errno 524`. */
export const errnoName = (errno: number): string => namesByValue.get(errno) ?? `errno ${errno}`

export interface KernelErrorDetails {
  /** Positive errno value. */
  errno: number
  /** What was asked: a system call (`connect`) or an operation (`NEWSETELEM`). */
  operation: string
  /** The kernel object, e.g. a path or `table ip weft`. */
  where?: string
  /** What the kernel or the tool said besides the errno. */
  text?: string
  remedy?: string
  fault?: Fault
  /** Indexes of the changes that the kernel refused (NftTable.apply). */
  failed?: readonly number[]
  cause?: unknown
}

/** A refusal by the kernel. Its code is `KERNEL_<errno name>`, its fault `kernel` unless said otherwise. */
export class KernelError extends WeftError {
  readonly errno: number
  /** e.g. `EEXIST` */
  readonly errnoName: string
  readonly operation: string
  /** For a transaction: indexes of the changes that were refused; empty elsewhere. */
  readonly failed: readonly number[]

  constructor(details: KernelErrorDetails) {
    const name = errnoName(details.errno)
    const subject = details.where === undefined ? '' : ` ${details.where}`
    const text = details.text === undefined || details.text === '' ? '' : `: ${details.text}`
    super(`${details.operation}${subject}: ${name}${text}`, {
      code: `KERNEL_${name.replace(/\W/g, '_')}`,
      fault: details.fault ?? 'kernel',
      ...(details.where !== undefined && { where: details.where }),
      ...(remedyFor(name, details.remedy) !== undefined && { remedy: remedyFor(name, details.remedy) as string }),
      ...(details.cause !== undefined && { cause: details.cause }),
    })
    this.errno = details.errno
    this.errnoName = name
    this.operation = details.operation
    this.failed = details.failed ?? []
  }
}

function remedyFor(name: string, given: string | undefined): string | undefined {
  if (given !== undefined) return given
  return name === 'EPERM' || name === 'EACCES' ? 'run as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN' : undefined
}

const hasErrno = (error: unknown, ...names: string[]): boolean =>
  error instanceof KernelError && names.includes(error.errnoName)

/** ENOENT: the table, set, element or file is not there. */
export const isNotFound = (error: unknown): error is KernelError => hasErrno(error, 'ENOENT')
/** EEXIST: it is there already (for a map element: with other data). */
export const isExists = (error: unknown): error is KernelError => hasErrno(error, 'EEXIST')
/** EPERM or EACCES: not allowed. */
export const isPermission = (error: unknown): error is KernelError => hasErrno(error, 'EPERM', 'EACCES')

/** strerror(3) as glibc says it, for tools that report errors as text only. */
const texts: readonly (readonly [string, string])[] = [
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['No such file or directory', 'ENOENT'],
  ['No such process', 'ESRCH'],
  ['No such device', 'ENODEV'],
  ['Cannot find device', 'ENODEV'],
  ['does not exist', 'ENODEV'],
  ['File exists', 'EEXIST'],
  ['interval overlaps', 'EEXIST'],
  ['Device or resource busy', 'EBUSY'],
  ['Network is unreachable', 'ENETUNREACH'],
  ['invalid gateway', 'ENETUNREACH'],
  ['No route to host', 'EHOSTUNREACH'],
  ['Network is down', 'ENETDOWN'],
  ['Cannot assign requested address', 'EADDRNOTAVAIL'],
  ['Address already assigned', 'EEXIST'],
  ['Operation not supported', 'EOPNOTSUPP'],
  ['Cannot allocate memory', 'ENOMEM'],
]

/** errno of the first known phrase in a tool's message; EINVAL when there is none. */
export function errnoFromText(text: string): number {
  const known = texts.find(([phrase]) => text.includes(phrase))
  return errnoValues[known?.[1] ?? 'EINVAL'] as number
}
