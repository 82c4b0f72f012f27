import { WeftError } from '../model/error.ts'
import { errnoFromText, KernelError } from './errors.ts'
import type { NetnsRef } from './network-namespace.ts'
import { mustRun, type RunResult, run } from './process.ts'

export interface IpOptions {
  /** Absent: the process's own namespace. */
  netns?: NetnsRef
}

/** A batch of thousands of routes takes under a second; longer than this something hangs. */
const BATCH_TIMEOUT_MS = 60_000

/**
 * Runs commands of ip(8), one a line without the word `ip`, in one process. Not a transaction: the lines before the one that fails have taken effect,
 * those after it have not. @throws KernelError whose `where` is the failing line
 */
export async function ipBatch(lines: readonly string[], options: IpOptions = {}): Promise<void> {
  if (lines.length === 0) return
  const broken = lines.find((line) => line.includes('\n'))
  if (broken !== undefined) {
    throw new WeftError(`a line of a batch holds a line break: ${JSON.stringify(broken)}`, {
      code: 'IP_BATCH_INVALID',
      fault: 'internal',
    })
  }
  const result = await run('ip', ['-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeoutMs: BATCH_TIMEOUT_MS,
    ...(options.netns !== undefined && { netns: options.netns }),
  })
  if (result.code !== 0) throw batchError(lines, result)
}

/** ip(8) says `Command failed -:3` after its message. */
function batchError(lines: readonly string[], { stderr, code }: RunResult): KernelError {
  const number = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 0)
  const text = stderr.replace(/Command failed -:\d+\s*/g, '').trim()
  const line = lines[number - 1]
  return new KernelError({
    errno: errnoFromText(text),
    operation: line === undefined ? `ip -batch ended with ${code}` : 'ip',
    text: text || `ended with ${code}`,
    ...(line !== undefined && { where: line }),
  })
}

/** `ip -json <args>`, parsed. The type is what the caller knows of ip(8)'s output. @throws WeftError COMMAND_FAILED */
export async function ipJson<T>(args: readonly string[], options: IpOptions = {}): Promise<T> {
  const { stdout } = await mustRun('ip', ['-json', ...args], {
    ...(options.netns !== undefined && { netns: options.netns }),
  })
  // An empty answer is no JSON at all.
  return JSON.parse(stdout.trim() === '' ? '[]' : stdout) as T
}

export interface Link {
  index: number
  name: string
  /** e.g. UP, LOWER_UP, BROADCAST */
  flags: readonly string[]
  mtu: number
  /** UP, DOWN, UNKNOWN … (RFC 2863) */
  operState: string
  /** MAC, where the link has one. */
  address: string | undefined
  /** veth, bridge, vxlan …; undefined for real devices and loopback. */
  kind: string | undefined
  /** Name of the bridge or bond that it belongs to. */
  master: string | undefined
  alias: string | undefined
}

interface IpLink {
  ifindex: number
  ifname: string
  flags: string[]
  mtu: number
  operstate: string
  address?: string
  master?: string
  ifalias?: string
  linkinfo?: { info_kind?: string }
}

/** All links of the namespace. @throws WeftError COMMAND_FAILED */
export async function readLinks(options: IpOptions = {}): Promise<Link[]> {
  const links = await ipJson<IpLink[]>(['-details', 'link', 'show'], options)
  return links.map((link) => ({
    index: link.ifindex,
    name: link.ifname,
    flags: link.flags,
    mtu: link.mtu,
    operState: link.operstate,
    address: link.address,
    kind: link.linkinfo?.info_kind,
    master: link.master,
    alias: link.ifalias,
  }))
}

export interface LinkAddress {
  linkIndex: number
  link: string
  family: 4 | 6
  address: string
  prefixLength: number
  /** global, link, host … */
  scope: string
  /** Whether the kernel has not finished duplicate address detection, or found a duplicate: not usable. */
  unusable: boolean
}

interface IpAddress {
  ifindex: number
  ifname: string
  addr_info: {
    family: string
    local: string
    prefixlen: number
    scope: string
    tentative?: boolean
    dadfailed?: boolean
  }[]
}

/** All addresses of the namespace. @throws WeftError COMMAND_FAILED */
export async function readAddresses(options: IpOptions = {}): Promise<LinkAddress[]> {
  const links = await ipJson<Partial<IpAddress>[]>(['address', 'show'], options)
  return links.flatMap(({ ifindex, ifname, addr_info }) =>
    (addr_info ?? [])
      .filter(({ family }) => family === 'inet' || family === 'inet6')
      .map((info) => ({
        linkIndex: ifindex as number,
        link: ifname as string,
        family: info.family === 'inet' ? (4 as const) : (6 as const),
        address: info.local,
        prefixLength: info.prefixlen,
        scope: info.scope,
        unusable: info.tentative === true || info.dadfailed === true,
      })),
  )
}

export interface Route {
  family: 4 | 6
  /** CIDR, a single address, or `default`. */
  destination: string
  /** unicast, local, blackhole … */
  type: string
  gateway: string | undefined
  link: string | undefined
  table: string
  protocol: string
  metric: number | undefined
  /** Address that packets get as their source. */
  source: string | undefined
  flags: readonly string[]
}

interface IpRoute {
  dst: string
  type?: string
  gateway?: string
  dev?: string
  table?: string
  protocol?: string
  metric?: number
  prefsrc?: string
  flags?: string[]
}

/** Routes of one table (default: main) or of `all`; none for a table that nobody has used yet. @throws WeftError COMMAND_FAILED */
export async function readRoutes(family: 4 | 6, options: IpOptions & { table?: string } = {}): Promise<Route[]> {
  const { table = 'main', ...rest } = options
  const routes = await ipJson<IpRoute[]>([`-${family}`, '-details', 'route', 'show', 'table', table], rest).catch(
    noTable,
  )
  return routes.map((route) => ({
    family,
    destination: route.dst,
    type: route.type ?? 'unicast',
    gateway: route.gateway,
    link: route.dev,
    table: route.table ?? table,
    protocol: route.protocol ?? '',
    metric: route.metric,
    source: route.prefsrc,
    flags: route.flags ?? [],
  }))
}

/** The kernel makes routing tables with their first route. */
function noTable(error: unknown): IpRoute[] {
  if (error instanceof WeftError && error.message.includes('FIB table does not exist')) return []
  throw error
}
