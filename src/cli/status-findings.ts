import type { AgentStatus } from '../daemon/status-server.ts'
import type { Refusal } from '../reconcile/types.ts'
import { formatTable } from './output.ts'

/** Where terminals and mails begin to break lines. */
const width = 118
const indent = '    '
/** Nodes that are named; of more, only how many. */
const named = 3

type Finding = Omit<Refusal, 'subject'> & { subject: string; nodes: string[] }

/** What a status table only counts: each refusal once for all nodes that say the same, its message below it. Empty where nothing is refused. */
export function formatFindings(answers: readonly AgentStatus[]): string {
  const findings = findingsOf(answers)
  if (findings.length === 0) return ''
  const agents = answers.filter(({ role }) => role === 'agent').length
  const table = formatTable(findings, [
    // A Service's only port may have no name.
    { title: 'REFUSED', cell: ({ subject }) => subject.replace(/:$/, '') },
    { title: 'REASON', cell: ({ reason }) => reason },
    { title: 'NODES', cell: ({ nodes }) => nodesText(nodes, agents) },
  ])
  const [heading = '', ...lines] = table.trimEnd().split('\n')
  const below = lines.flatMap((line, index) => [line, ...wrap(findings[index]?.message ?? '')])
  return `\n${[heading, ...below].join('\n')}\n`
}

function findingsOf(answers: readonly AgentStatus[]): Finding[] {
  const findings = new Map<string, Finding>()
  for (const { node, role, parts } of answers) {
    const who = role === 'controller' ? 'controller' : node
    for (const refusal of parts.flatMap((part) => part.refusals)) {
      const key = JSON.stringify(refusal)
      const known = findings.get(key)
      if (known === undefined) findings.set(key, { ...refusal, nodes: [who] })
      else if (!known.nodes.includes(who)) known.nodes.push(who)
    }
  }
  return [...findings.values()]
}

function nodesText(nodes: readonly string[], agents: number): string {
  if (agents > 1 && nodes.length === agents) return 'all'
  if (nodes.length <= named) return nodes.join(',')
  return `${nodes.slice(0, named).join(',')} and ${nodes.length - named} more`
}

/** Breaks between words; a word that is too long stays whole. */
function wrap(text: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(/\s+/)) {
    if (line !== indent && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
    }
    line += line === indent ? word : ` ${word}`
  }
  return [...lines, line]
}
