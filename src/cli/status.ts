import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { askStatus } from '../daemon/ask-status.ts'
import { type AgentStatus, socketName } from '../daemon/status-server.ts'
import { labFiles } from '../lab/files.ts'
import { agentSocketPath, readLabState } from '../lab/state.ts'
import { WeftError } from '../model/error.ts'
import type { PartStatus } from '../daemon/parts.ts'
import { exitCodes } from './errors.ts'
import { formatTable, type OutputFormat, print, say } from './output.ts'
import { type Asked, nobodyAnswers } from './nobody-answers.ts'
import { formatFindings } from './status-findings.ts'

interface Options {
  name?: string
  node?: string
  runDir: string
  output: OutputFormat
}

/** `weft status`: exits with 3 where an agent or a controller is not in sync, cannot follow the API, or is not there. */
export async function run(options: Options): Promise<number> {
  const asked = options.name === undefined ? onThisMachine(options.runDir) : inLab(options.name, options.node)
  const settled = await Promise.allSettled(asked.map(({ who, path }) => askStatus(path, who)))
  const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const silent = asked.flatMap((one, index) => {
    const result = settled[index]
    return result?.status === 'rejected' ? [nobodyAnswers(one, result.reason)] : []
  })
  const [failure] = silent
  if (answers.length === 0 && failure !== undefined) throw failure
  if (options.output === 'json' || options.output === 'yaml') {
    await print(answers, { format: options.output, kind: 'AgentStatus', columns: [] })
  } else {
    process.stdout.write(formatTable(answers.flatMap(rowsOf), columns, options.output === 'wide'))
    process.stdout.write(formatFindings(answers))
    sayFailures(answers)
  }
  for (const { message, remedy } of silent) say(`${message}: ${remedy}`)
  return silent.length === 0 && answers.every(isWell) ? exitCodes.ok : exitCodes.notReady
}

/** In sync with what was last heard is not enough where nothing more is heard. */
const isWell = ({ ready, api }: AgentStatus): boolean => ready && Object.keys(api.failing).length === 0

/** The agent, and a controller where one has ever run: its socket is left behind when it is killed. */
function onThisMachine(runDir: string): Asked[] {
  const who = hostname()
  const controller: Asked = { who, role: 'controller', path: join(runDir, socketName('controller')) }
  const agent: Asked = { who, role: 'agent', path: join(runDir, socketName('agent')) }
  if (!existsSync(controller.path)) return [agent]
  return existsSync(agent.path) ? [agent, controller] : [controller]
}

function inLab(lab: string, node: string | undefined): Asked[] {
  const all = readLabState(lab).nodes
  const nodes = all.filter(({ name }) => node === undefined || name === node)
  if (nodes.length === 0) {
    throw new WeftError(`lab "${lab}" has no node "${node}"`, {
      code: 'LAB_NODE_NOT_FOUND',
      fault: 'user',
      where: '--node',
      remedy: `one of: ${all.map(({ name }) => name).join(', ')}`,
      exitCode: exitCodes.notFound,
    })
  }
  const agents = nodes.map(
    ({ name, holderPid }): Asked => ({
      who: name,
      role: 'agent',
      lab,
      path: join(`/proc/${holderPid}/root`, agentSocketPath),
    }),
  )
  const controller = join(labFiles(lab).controllerRunDir, socketName('controller'))
  if (node !== undefined || !existsSync(controller)) return agents
  return [...agents, { who: `lab "${lab}"`, role: 'controller', lab, path: controller }]
}

type Row = AgentStatus & { part: PartStatus | undefined }

/** Whoever runs no part has a line all the same: an agent that waits for the API, a controller that does not lead. */
const rowsOf = (answer: AgentStatus): Row[] =>
  (answer.parts.length > 0 ? answer.parts : [undefined]).map((part) => ({ ...answer, part }))

const columns = [
  { title: 'NODE', cell: ({ role, node }: Row) => (role === 'controller' ? 'controller' : node) },
  { title: 'PART', cell: ({ part }: Row) => part?.part },
  { title: 'SYNCED', cell: syncedText },
  { title: 'SUBJECTS', cell: ({ part }: Row) => part?.subjects ?? 0 },
  { title: 'ITEMS', cell: ({ part }: Row) => part?.items ?? 0 },
  { title: 'LAST WRITE', cell: lastWriteText },
  { title: 'DRIFT', cell: ({ part }: Row) => part?.drift ?? 0 },
  { title: 'REFUSALS', cell: ({ part }: Row) => part?.refusals.length ?? 0 },
  { title: 'TRANSACTIONS', cell: ({ part }: Row) => part?.transactions ?? 0, wide: true },
  { title: 'CHANGES', cell: ({ part }: Row) => part?.changes ?? 0, wide: true },
  { title: 'FAILURES', cell: ({ part }: Row) => part?.failures ?? 0, wide: true },
  { title: 'EPOCHS', cell: ({ part }: Row) => part?.epochs ?? 0, wide: true },
  { title: 'DETAILS', cell: detailsText, wide: true },
  { title: 'PID', cell: ({ pid }: Row) => pid, wide: true },
]

function syncedText({ part, role, leader }: Row): string {
  if (part !== undefined) return part.synced ? 'yes' : `no, ${part.pending} pending`
  if (role === 'agent') return 'no, starting'
  return leader?.leading ? 'no, starting' : 'standby'
}

function detailsText({ part }: Row): string {
  const details = Object.entries(part?.details ?? {})
  return details.map(([name, value]) => `${name}=${value}`).join(' ')
}

/** An agent that finds all as it is to be has nothing to write. */
function lastWriteText({ part }: Row): string {
  if (part?.lastSyncMs !== undefined) return age(part.lastSyncMs)
  return part?.synced && part.items > 0 ? 'none needed' : 'never'
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000))
  if (seconds < 120) return `${seconds}s ago`
  return seconds < 7200 ? `${Math.round(seconds / 60)}m ago` : `${Math.round(seconds / 3600)}h ago`
}

const waiting =
  "nothing is written before the API has told all there is; what the agent waits for stands in its log ('journalctl -u weft')"

/** What fails at the moment, and who leads where the one that was asked does not. */
function sayFailures(answers: readonly AgentStatus[]): void {
  for (const { node, role, leader, api, parts } of answers) {
    const who = role === 'controller' ? 'controller' : node
    if (role === 'agent' && parts.length === 0) say(`${who}: ${waiting}`)
    if (leader !== undefined && !leader.leading) say(`${who}: ${leader.identity || 'nobody yet'} leads`)
    for (const [resource, message] of Object.entries(api.failing))
      say(`${who}: cannot list or watch ${resource}: ${message}`)
    for (const { subjects, message } of parts.flatMap((part) => part.failing))
      say(`${who}: ${subjects.join(', ')}: ${message}`)
  }
}
