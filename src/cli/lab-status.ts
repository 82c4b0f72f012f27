import { type LabReport, labReport, type NodeReport, type ProcessReport } from '../lab/status.ts'
import { exitCodes } from './errors.ts'
import { type Column, type OutputFormat, print, say } from './output.ts'

/** `weft lab status`: exit code 3 unless the lab is ready. */
export async function run(options: { name: string; output: OutputFormat }): Promise<number> {
  const report = await labReport(options.name)
  await printReport(report, options.output)
  return report.state === 'ready' ? exitCodes.ok : exitCodes.notReady
}

async function printReport(report: LabReport, format: OutputFormat): Promise<void> {
  if (format === 'json' || format === 'yaml') return print(report, { format, kind: 'LabStatus', columns: [] })
  say(`lab "${report.name}" is ${report.state}; kubeconfig ${report.kubeconfig}`)
  const { api, controller } = report
  if (report.state !== 'dead')
    say(`API ${pidText(api)}${controller === undefined ? '' : `, controller ${pidText(controller)}`}`)
  for (const problem of report.problems) say(problem)
  return print(report.nodes, { format, kind: 'LabStatus', columns })
}

const columns: readonly Column<NodeReport>[] = [
  { title: 'NODE', cell: (node) => `${node.name}${restartsText(node.restarts)}` },
  { title: 'READY', cell: (node) => (node.ready === undefined ? 'unknown' : String(node.ready)) },
  { title: 'ADDRESS', cell: (node) => node.addresses.join(',') },
  { title: 'POD CIDR', cell: (node) => node.podCIDRs.join(',') },
  { title: 'ZONE', cell: (node) => node.zone, wide: true },
  { title: 'PODS', cell: (node) => node.pods ?? 'unknown' },
  { title: 'KUBELET', cell: (node) => processText(node.kubelet) },
  { title: 'AGENT', cell: (node) => processText(node.agent) },
  { title: 'IN SYNC', cell: (node) => String(node.agent.ready) },
]

const pidText = (process: ProcessReport): string =>
  process.pid === undefined ? processText(process) : `pid ${processText(process)}`

/** pid, and how often it was started again. */
const processText = ({ pid, restarts }: ProcessReport): string => `${pid ?? 'not running'}${restartsText(restarts)}`

const restartsText = (restarts: number): string =>
  restarts === 0 ? '' : ` (${restarts} ${restarts === 1 ? 'restart' : 'restarts'})`
