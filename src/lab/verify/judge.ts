import type { EchoReply } from '../echo-protocol.ts'
import type { Backend, Claim, Expectation, Observation, Result } from './types.ts'

export interface Verdict {
  result: Exclude<Result, 'not tried'>
  /** What came back, what was wrong with it first told in words. */
  cameBack: string
  should: string
}

type Answers = Extract<Expectation, { kind: 'answers' }>

/** So many observations that contradict a claim are enough: one more shows whether it is always so. */
const enoughContradictions = 2

/** Compares what came back with what should have. Pure. */
export function judge(claim: Claim, observations: readonly Observation[]): Verdict {
  const wrong = observations.flatMap((observation) => contradiction(claim, observation) ?? [])
  const shares = wrongShares(claim, observations)
  return {
    result: wrong.length + shares.length === 0 && observations.length > 0 ? 'ok' : 'MISMATCH',
    cameBack: [seen(claim, observations), ...counted(wrong), ...shares].filter((part) => part !== '').join('; '),
    should: should(claim),
  }
}

/** True once more tries cannot add anything: all was seen that should be, or it is plain that something is wrong. */
export function isSettled(claim: Claim, observations: readonly Observation[]): boolean {
  const { length } = observations
  if (length >= claim.tries.most) return true
  const wrong = observations.filter((observation) => contradiction(claim, observation) !== undefined)
  if (wrong.length >= enoughContradictions) return true
  return length >= claim.tries.least && wrong.length === 0 && wantsNoMore(claim, observations)
}

function wantsNoMore(claim: Claim, observations: readonly Observation[]): boolean {
  const { expectation } = claim
  if (expectation.kind !== 'answers') return true
  if (expectation.spread === 'all') return unseen(claim, observations).length === 0
  return typeof expectation.spread === 'string' || met(expectation, observations).length >= expectation.spread.least
}

/** What is wrong with one observation, in words; undefined where it is as it should be. */
function contradiction(claim: Claim, observation: Observation): string | undefined {
  const { expectation } = claim
  switch (expectation.kind) {
    case 'answers':
      return observation.outcome === 'answer' ? wrongAnswer(expectation, observation.reply) : describe(observation)
    case 'refused':
      return isRefusal(claim, observation) ? undefined : describe(observation)
    case 'silence':
      return isSilence(observation) ? undefined : describe(observation)
    case 'untaken':
      return observation.outcome === 'answer' && backendOf(expectation, observation.reply) !== undefined
        ? describe(observation)
        : undefined
    case 'api':
      return observation.outcome === 'api' ? undefined : describe(observation)
  }
  return undefined
}

function wrongAnswer(expectation: Answers, reply: EchoReply): string | undefined {
  const backend = backendOf(expectation, reply)
  if (backend === undefined) return `answered by ${describeReply(reply)}`
  if (backend.sources.allowed.includes(reply.clientAddress)) return undefined
  return `${backend.pod} saw source ${reply.clientAddress}`
}

/** The backend that a reply comes from: by address and port, and by the pod that the objects say is there. */
const backendOf = ({ backends }: Pick<Answers, 'backends'>, reply: EchoReply): Backend | undefined =>
  backends.find(
    ({ address, port, pod }) => address === reply.localAddress && port === reply.localPort && pod === nameOf(reply),
  )

/** `namespace/name` of the pod that answered; verify's own listeners have no namespace. */
const nameOf = ({ namespace, pod }: EchoReply): string => (namespace === '' ? pod : `${namespace}/${pod}`)

const isSilence = ({ outcome }: Observation): boolean =>
  outcome === 'refused' || outcome === 'timeout' || outcome === 'error'

/** UDP has no refusal of its own: an ICMP error may be lost or limited, so that silence will do. */
const isRefusal = ({ target }: Claim, observation: Observation): boolean =>
  target.protocol === 'UDP' ? isSilence(observation) : observation.outcome === 'refused'

/** Backends that answered. */
const met = (expectation: Answers, observations: readonly Observation[]): Backend[] => {
  const found = new Set(repliesOf(observations).map((reply) => backendOf(expectation, reply)))
  return expectation.backends.filter((backend) => found.has(backend))
}

/** Backends that no try met. */
function unseen({ expectation }: Claim, observations: readonly Observation[]): Backend[] {
  if (expectation.kind !== 'answers') return []
  const found = met(expectation, observations)
  return expectation.backends.filter((backend) => !found.includes(backend))
}

/** What is wrong with who answered how often, once all tries were made. */
function wrongShares(claim: Claim, observations: readonly Observation[]): string[] {
  const { expectation } = claim
  if (expectation.kind !== 'answers') return []
  const { spread } = expectation
  const found = met(expectation, observations)
  if (spread === 'same' && found.length > 1) return [`one client met ${found.map(({ pod }) => pod).join(' and ')}`]
  if (spread === 'any' || spread === 'same' || observations.length < claim.tries.most) return []
  if (spread === 'all') return unseen(claim, observations).map(({ pod }) => `never ${pod}`)
  return found.length < spread.least ? [`met ${found.length} only, ${spread.least} at least are due`] : []
}

/**
 * The backends that a mismatch can be laid to: those that saw a wrong source, and those that were never met; of what was right, all that
 * answered.
 */
export function backendsInvolved(claim: Claim, observations: readonly Observation[]): readonly Backend[] {
  const { expectation } = claim
  if (expectation.kind !== 'answers') return []
  const wrong = observations.flatMap((observation) =>
    observation.outcome === 'answer' && contradiction(claim, observation) !== undefined
      ? (backendOf(expectation, observation.reply) ?? [])
      : [],
  )
  if (judge(claim, observations).result === 'ok') return met(expectation, observations)
  return [...new Set([...wrong, ...unseen(claim, observations)])]
}

const repliesOf = (observations: readonly Observation[]): EchoReply[] =>
  observations.flatMap((observation) => (observation.outcome === 'answer' ? observation.reply : []))

/** What is right about the observations: endpoints met and sources seen, or how the attempt ended. */
function seen(claim: Claim, observations: readonly Observation[]): string {
  const { expectation } = claim
  const right = observations.filter((observation) => contradiction(claim, observation) === undefined)
  if (expectation.kind !== 'answers') return counted(right.map(describe)).join(', ')
  const sources = counted(repliesOf(right).map(({ clientAddress }) => clientAddress))
  const endpoints = `${met(expectation, observations).length}/${expectation.backends.length} endpoints`
  return sources.length === 0 ? endpoints : `${endpoints}, source ${sources.join(', ')}`
}

function describe(observation: Observation): string {
  switch (observation.outcome) {
    case 'answer':
      return `answered by ${describeReply(observation.reply)}`
    case 'stranger':
      return `answered by no echo server: ${observation.detail}`
    case 'api':
    case 'error':
      return observation.detail
    case 'refused':
      return 'refused'
    case 'timeout':
      return 'no answer'
  }
  return ''
}

const describeReply = (reply: EchoReply): string => `${nameOf(reply)} at ${reply.localAddress} port ${reply.localPort}`

/** Each text once, in order of first appearance, with how often it came. */
function counted(texts: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].map(([text, count]) => (count === 1 ? text : `${text} ×${count}`))
}

/** The expectation of a claim in words; `named`: with the endpoints' names, where they are few. */
export function should({ expectation, target }: Pick<Claim, 'expectation' | 'target'>, named = true): string {
  switch (expectation.kind) {
    case 'answers':
      return `${whoShould(expectation, named ? mostNames : 0)}, source ${sourcesOf(expectation).join(' or ')}`
    case 'refused':
      return `${target.protocol === 'UDP' ? 'ICMP error or no answer' : 'refused'} (${expectation.because})`
    case 'silence':
      return `no answer (${expectation.because})`
    case 'untaken':
      return `nothing of this Service (${expectation.because})`
    case 'api':
      return 'TLS, and an answer to GET /version'
  }
  return ''
}

/** More endpoints than this are counted, not named. */
const mostNames = 4

function whoShould({ backends, spread, because }: Answers, most: number): string {
  const { length } = backends
  const names = length > most ? `${length} endpoints` : backends.map(({ pod }) => pod).join(', ')
  if (length === 1) return most === 0 ? 'its endpoint' : names
  if (spread === 'all') return `all of ${names}`
  if (typeof spread === 'object') return `${spread.least} or more of ${names}`
  return `${spread === 'same' ? 'always the same' : 'any'} of ${names} (${because ?? ''})`
}

const sourcesOf = ({ backends }: Answers): string[] => [...new Set(backends.map(({ sources }) => sources.says))]
