import { expect, it } from 'vitest'
import type { AgentStatus } from '../daemon/status-server.ts'
import type { Refusal } from '../reconcile/types.ts'
import { formatFindings } from './status-findings.ts'

const status = (node: string, refusals: Refusal[], role: AgentStatus['role'] = 'agent'): AgentStatus => ({
  role,
  node,
  pid: 1,
  ready: true,
  startedMs: 0,
  api: { failing: {} },
  parts: [{ refusals } as unknown as AgentStatus['parts'][number]],
})

const refusal = (subject: string, message: string): Refusal => ({ subject, reason: 'Odd', message })

it('says nothing where nothing is refused', () => {
  expect(formatFindings([status('n1', [])])).toBe('')
})

it('says the same of several nodes once', () => {
  const odd = refusal('default/web:', 'm')
  const text = formatFindings([
    ...['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => status(node, [odd])),
    status('host', [refusal('n9', 'full')], 'controller'),
  ])
  expect(text).toBe(`
REFUSED       REASON   NODES
default/web   Odd      all
    m
n9            Odd      controller
    full
`)
  expect(formatFindings(['n1', 'n2', 'n3', 'n4', 'n5'].map((node, i) => status(node, i < 4 ? [odd] : [])))).toContain(
    'n1,n2,n3 and 1 more',
  )
})

it('stays within 120 columns, whatever the message', () => {
  const text = formatFindings([status('n1', [refusal('default/web:http', 'a dozen letters '.repeat(40).trim())])])
  const longest = Math.max(...text.split('\n').map((line) => line.length))
  expect(longest).toBeLessThanOrEqual(120)
  expect(longest).toBeGreaterThan(100)
})
