import { hostname } from 'node:os'
import { join } from 'node:path'
import { askStatus } from '../agent/ask-status.ts'
import type { AgentStatus } from '../agent/status-server.ts'
import { agentSocketPath, readLabState } from '../lab/state.ts'
import { WeftError } from '../model/error.ts'
import type { ReconcilerStatus } from '../reconcile/reconciler.ts'
import { exitCodes } from './errors.ts'
import { formatTable, type OutputFormat, print, say } from './output.ts'

interface Options {
  name?: string
  node?: string
  output: OutputFormat
}

/** `weft status`: exits with 3 where an agent is not in sync. */
export async function run(options: Options): Promise<number> {
  const asked = sockets(options)
  const settled = await Promise.allSettled(asked.map(({ node, path }) => askStatus(path, node)))
  const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const silent = asked.filter((_, index) => settled[index]?.status === 'rejected').map(({ node }) => node)
  const [failure] = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  if (answers.length === 0 && failure !== undefined) throw failure
  const rows = answers.flatMap((answer) => answer.parts.map((part) => ({ ...answer, part })))
  if (options.output === 'json' || options.output === 'yaml') {
    await print(answers, { format: options.output, kind: 'AgentStatus', columns: [] })
  } else {
    process.stdout.write(formatTable(rows, columns, options.output === 'wide'))
    printFindings(answers)
  }
  for (const node of silent) say(`${node}: no agent answers; see 'weft lab status' and the agent's log`)
  return silent.length === 0 && answers.every(({ ready }) => ready) ? exitCodes.ok : exitCodes.notReady
}

function sockets({ name, node }: Options): { node: string; path: string }[] {
  if (name === undefined) return [{ node: hostname(), path: agentSocketPath }]
  const nodes = readLabState(name).nodes.filter((one) => node === undefined || one.name === node)
  if (nodes.length === 0) {
    throw new WeftError(`lab "${name}" has no node "${node}"`, {
      code: 'LAB_NODE_NOT_FOUND',
      fault: 'user',
      where: '--node',
      remedy: `one of: ${readLabState(name)
        .nodes.map((one) => one.name)
        .join(', ')}`,
      exitCode: exitCodes.notFound,
    })
  }
  return nodes.map((one) => ({ node: one.name, path: join(`/proc/${one.holderPid}/root`, agentSocketPath) }))
}

type Row = AgentStatus & { part: ReconcilerStatus }

const columns = [
  { title: 'NODE', cell: (row: Row) => row.node },
  { title: 'PART', cell: (row: Row) => row.part.part },
  { title: 'SYNCED', cell: (row: Row) => (row.part.synced ? 'yes' : `no, ${row.part.pending} pending`) },
  { title: 'SUBJECTS', cell: (row: Row) => row.part.subjects },
  { title: 'ITEMS', cell: (row: Row) => row.part.items },
  { title: 'LAST WRITE', cell: (row: Row) => age(row.part.lastSyncMs) },
  { title: 'DRIFT', cell: (row: Row) => row.part.drift },
  { title: 'REFUSALS', cell: (row: Row) => row.part.refusals.length },
  { title: 'TRANSACTIONS', cell: (row: Row) => row.part.transactions, wide: true },
  { title: 'CHANGES', cell: (row: Row) => row.part.changes, wide: true },
  { title: 'FAILURES', cell: (row: Row) => row.part.failures, wide: true },
  { title: 'EPOCHS', cell: (row: Row) => row.part.epochs, wide: true },
  { title: 'PID', cell: (row: Row) => row.pid, wide: true },
]

function age(ms: number | undefined): string {
  if (ms === undefined) return 'never (nothing differed)'
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000))
  return seconds < 120 ? `${seconds}s ago` : `${Math.round(seconds / 60)}m ago`
}

/** What the table only counts: refusals, once for all nodes that say the same, and what fails. */
function printFindings(answers: readonly AgentStatus[]): void {
  const refusals = new Map<string, { subject: string; reason: string; message: string; nodes: string[] }>()
  for (const { node, parts } of answers) {
    for (const refusal of parts.flatMap((part) => part.refusals)) {
      const key = JSON.stringify(refusal)
      const known = refusals.get(key)
      if (known === undefined) refusals.set(key, { ...refusal, nodes: [node] })
      else known.nodes.push(node)
    }
  }
  if (refusals.size > 0) {
    process.stdout.write('\n')
    process.stdout.write(
      formatTable(
        [...refusals.values()],
        [
          // A Service's only port may have no name.
          { title: 'REFUSED', cell: (row) => row.subject.replace(/:$/, '') },
          { title: 'REASON', cell: (row) => row.reason },
          { title: 'NODES', cell: (row) => (row.nodes.length === answers.length ? 'all' : row.nodes.join(',')) },
          { title: 'MESSAGE', cell: (row) => row.message },
        ],
      ),
    )
  }
  for (const { node, api, parts } of answers) {
    for (const [resource, message] of Object.entries(api.failing))
      say(`${node}: cannot list or watch ${resource}: ${message}`)
    for (const { subjects, message } of parts.flatMap((part) => part.failing))
      say(`${node}: ${subjects.join(', ')}: ${message}`)
  }
}
