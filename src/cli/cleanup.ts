import { cleanUpNode } from '../agent/cleanup.ts'
import { removeKubeProxyLeftovers, virtualServers } from '../agent/kube-proxy-leftovers.ts'
import { KernelError } from '../kernel/errors.ts'
import { WeftError } from '../model/error.ts'
import { exitCodes } from './errors.ts'
import { type OutputFormat, print, say } from './output.ts'

interface Options {
  cleanup?: boolean
  cleanupKubeProxy?: boolean
  dryRun?: boolean
  output: OutputFormat
}

/** `weft agent --cleanup` and `--cleanup-kube-proxy`: remove what Weft, or what a kube-proxy that has ended, has put into this network namespace, and say what that was. */
export async function run(options: Options): Promise<number> {
  const { dryRun = false } = options
  if (options.cleanup && options.cleanupKubeProxy) throw bothAtOnce()
  try {
    return await cleanUp(options, dryRun)
  } catch (cause) {
    throw isNotPermitted(cause) ? needsRoot(cause) : cause
  }
}

async function cleanUp(options: Options, dryRun: boolean): Promise<number> {
  if (options.cleanupKubeProxy) return ofKubeProxy(options)
  await report(await cleanUpNode(undefined, dryRun), options, 'there was nothing of ours')
  say(dryRun ? 'nothing was removed' : 'settings of the kernel (sysctl) stay as they are')
  return exitCodes.ok
}

async function ofKubeProxy(options: Options): Promise<number> {
  await report(removeKubeProxyLeftovers(options), options, 'there was nothing of kube-proxy')
  if (options.dryRun) say('nothing was removed')
  const servers = virtualServers()
  if (servers > 0)
    say(
      `virtual servers of IPVS stay (${servers}): nobody can tell whose they are. Where all are kube-proxy's: ipvsadm -C`,
    )
  return exitCodes.ok
}

async function report(found: readonly string[], { dryRun, output }: Options, nothing: string): Promise<void> {
  const rows = found.map((what) => ({ what }))
  const columns = [{ title: dryRun ? 'TO BE REMOVED' : 'REMOVED', cell: ({ what }: { what: string }) => what }]
  const isTable = output === 'table' || output === 'wide'
  if (rows.length > 0 || !isTable)
    await print(rows, { format: output, kind: dryRun ? 'Removable' : 'Removed', columns })
  if (rows.length === 0) say(nothing)
}

const isNotPermitted = (error: unknown): boolean =>
  error instanceof KernelError &&
  (error.errnoName === 'EPERM' || error.errnoName === 'EACCES') &&
  process.getuid?.() !== 0

const needsRoot = (cause: unknown): WeftError =>
  new WeftError('what is in the kernel can be read and removed by root alone', {
    code: 'NOT_PERMITTED',
    fault: 'user',
    where: 'weft agent',
    remedy: 'run it as root, e.g. with sudo',
    exitCode: exitCodes.permission,
    cause,
  })

const bothAtOnce = (): WeftError =>
  new WeftError('--cleanup-kube-proxy wants the agent to serve, and --cleanup ends that', {
    code: 'CLI_USAGE',
    fault: 'user',
    where: 'weft agent',
    remedy: "run one after the other, kube-proxy's first",
  })
