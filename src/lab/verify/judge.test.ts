import { describe, expect, it } from 'vitest'
import { isSettled, judge } from './judge.ts'
import { keptSource } from './sources.ts'
import { pod, reply } from './testing.ts'
import type { Backend, Claim, Expectation, Observation } from './types.ts'

const a = pod('a', '10.42.0.5')
const b = pod('b', '10.42.1.5')
const origin = { kind: 'outside', name: 'outside', addresses: ['172.30.9.2'] } as const
const backend = (name: string, address: string): Backend => ({
  address,
  port: 8080,
  pod: `default/${name}`,
  node: undefined,
  sources: keptSource(origin),
})
const backends = [backend('a', '10.42.0.5'), backend('b', '10.42.1.5')]
const all: Expectation = { kind: 'answers', backends, spread: 'all' }
const any: Expectation = { kind: 'answers', backends, spread: 'any', because: 'session affinity' }
const refused: Expectation = { kind: 'refused', because: 'no ready endpoint' }
const same: Expectation = { kind: 'answers', backends, spread: 'same', because: 'session affinity' }
const some: Expectation = { kind: 'answers', backends, spread: { least: 2 } }
const untaken: Expectation = { kind: 'untaken', backends, because: 'it is an address of node-1' }
const silence: Expectation = { kind: 'silence', because: 'policy Local' }

const claim = (expectation: Expectation, most = 2, protocol: 'TCP' | 'UDP' = 'TCP'): Claim => ({
  check: 'ClusterIP from outside',
  what: 'default/web',
  group: 'default/web',
  origin,
  target: { address: '10.43.0.10', port: 80, protocol },
  expectation,
  tries: { most, least: 2 },
})
const client = '172.30.9.2'
const fromA = reply(a, client)
const fromB = reply(b, client)
const no = { outcome: 'refused' } as const
const timeout = { outcome: 'timeout' } as const
const icmp = { outcome: 'error', detail: 'EHOSTUNREACH' } as const

describe('judge', () => {
  it.each<[string, Claim, Observation[], string, string]>([
    ['all seen', claim(all), [fromA, fromB], 'ok', '2/2 endpoints, source 172.30.9.2 ×2'],
    ['one never seen', claim(all), [fromA, fromA], 'MISMATCH', '1/2 endpoints, source 172.30.9.2 ×2; never default/b'],
    ['one never seen, by affinity', claim(any), [fromA, fromA], 'ok', '1/2 endpoints, source 172.30.9.2 ×2'],
    ['one client kept at one', claim(same), [fromA, fromA], 'ok', '1/2 endpoints, source 172.30.9.2 ×2'],
    [
      'one client sent to two',
      claim(same),
      [fromA, fromB],
      'MISMATCH',
      '2/2 endpoints, source 172.30.9.2 ×2; one client met default/a and default/b',
    ],
    ['enough of many met', claim(some), [fromA, fromB], 'ok', '2/2 endpoints, source 172.30.9.2 ×2'],
    [
      'too few of many met',
      claim(some),
      [fromA, fromA],
      'MISMATCH',
      '1/2 endpoints, source 172.30.9.2 ×2; met 1 only, 2 at least are due',
    ],
    ['an address that keeps its meaning', claim(untaken), [no, timeout], 'ok', 'refused, no answer'],
    [
      'the node itself answers at it',
      claim(untaken),
      [reply(a, client, { localAddress: '172.30.0.11', podIP: '172.30.0.11' })],
      'ok',
      'answered by default/a at 172.30.0.11 port 8080',
    ],
    ['a Service took it', claim(untaken), [fromA], 'MISMATCH', 'answered by default/a at 10.42.0.5 port 8080'],
    [
      'wrong source',
      claim(all),
      [fromA, reply(b, '10.42.0.1')],
      'MISMATCH',
      '2/2 endpoints, source 172.30.9.2; default/b saw source 10.42.0.1',
    ],
    [
      'someone else answers',
      claim(any),
      [reply(pod('c', '10.42.1.6'), client)],
      'MISMATCH',
      '0/2 endpoints; answered by default/c at 10.42.1.6 port 8080',
    ],
    [
      'another pod at the address',
      claim(any),
      [reply(a, client, { pod: 'x' })],
      'MISMATCH',
      '0/2 endpoints; answered by default/x at 10.42.0.5 port 8080',
    ],
    [
      'another port of the pod',
      claim(any),
      [reply(a, client, { localPort: 1 })],
      'MISMATCH',
      '0/2 endpoints; answered by default/a at 10.42.0.5 port 1',
    ],
    [
      'no echo server',
      claim(any),
      [{ outcome: 'stranger', detail: 'HTTP 404' }],
      'MISMATCH',
      '0/2 endpoints; answered by no echo server: HTTP 404',
    ],
    [
      'one of several times out',
      claim(all, 3),
      [fromA, timeout, fromB],
      'MISMATCH',
      '2/2 endpoints, source 172.30.9.2 ×2; no answer',
    ],
    ['refused as it should', claim(refused), [no, no], 'ok', 'refused ×2'],
    ['TCP dropped, not refused', claim(refused), [timeout], 'MISMATCH', 'no answer'],
    ['answered, not refused', claim(refused), [fromA], 'MISMATCH', 'answered by default/a at 10.42.0.5 port 8080'],
    ['UDP refused by silence and ICMP', claim(refused, 2, 'UDP'), [timeout, no], 'ok', 'no answer, refused'],
    [
      'UDP answered, not refused',
      claim(refused, 2, 'UDP'),
      [fromA],
      'MISMATCH',
      'answered by default/a at 10.42.0.5 port 8080',
    ],
    [
      'silence by drop, refusal or error',
      claim(silence),
      [timeout, no, icmp],
      'ok',
      'no answer, refused, EHOSTUNREACH',
    ],
    ['silence broken', claim(silence), [fromA], 'MISMATCH', 'answered by default/a at 10.42.0.5 port 8080'],
    ['the API', claim({ kind: 'api' }), [{ outcome: 'api', detail: 'TLSv1.3, HTTP 200' }], 'ok', 'TLSv1.3, HTTP 200'],
    ['no API', claim({ kind: 'api' }), [icmp], 'MISMATCH', 'EHOSTUNREACH'],
    ['nothing tried is not ok', claim(any), [], 'MISMATCH', '0/2 endpoints'],
  ])('%s', (_, claim, observations, result, cameBack) => {
    expect(judge(claim, observations)).toMatchObject({ result, cameBack })
  })

  it.each<[Claim, string]>([
    [claim(all), "all of default/a, default/b, source outside's own"],
    [claim(any), "any of default/a, default/b (session affinity), source outside's own"],
    [claim({ ...all, backends: backends.slice(0, 1) }), "default/a, source outside's own"],
    [
      claim({ ...all, backends: Array.from({ length: 5 }, () => backends[0]!) }),
      "all of 5 endpoints, source outside's own",
    ],
    [claim(same), "always the same of default/a, default/b (session affinity), source outside's own"],
    [claim(some), "2 or more of default/a, default/b, source outside's own"],
    [claim(untaken), 'nothing of this Service (it is an address of node-1)'],
    [claim(refused), 'refused (no ready endpoint)'],
    [claim(refused, 2, 'UDP'), 'ICMP error or no answer (no ready endpoint)'],
    [claim(silence), 'no answer (policy Local)'],
    [claim({ kind: 'api' }), 'TLS, and an answer to GET /version'],
  ])('says what should be: %#', (claim, should) => {
    expect(judge(claim, [])).toMatchObject({ should })
  })
})

describe('isSettled', () => {
  it.each<[string, Claim, Observation[], boolean]>([
    ['too few tries', claim(all, 9), [fromA], false],
    ['all seen', claim(all, 9), [fromA, fromB], true],
    ['one not seen yet', claim(all, 9), [fromA, fromA, fromA], false],
    ['no tries left', claim(all, 3), [fromA, fromA, fromA], true],
    ['any will do', claim(any, 9), [fromA, fromA], true],
    ['one contradiction: is it always so?', claim(all, 9), [fromA, fromB, timeout], false],
    ['two contradictions', claim(all, 9), [timeout, timeout], true],
    ['one client at two endpoints', claim(same, 9), [fromA, fromB], true],
    ['some met, as many as are due', claim(some, 9), [fromA, fromB], true],
    ['fewer met than are due', claim(some, 9), [fromA, fromA], false],
    ['refused twice', claim(refused), [no, no], true],
  ])('%s', (_, claim, observations, expected) => {
    expect(isSettled(claim, observations)).toBe(expected)
  })
})
