/**
 * Sends what was recorded from a real API server (test/fixtures/api) to the embedded one and compares the answers.
 *
 * To see what differs in one file, while working on it:
 *
 *     REPLAY_REPORT=1 REPLAY_FILE=apply npx vitest run test/api/replay.test.ts
 *
 * prints each difference and fails for none. REPLAY_ONLY=part of a name shows those exchanges alone (all are sent, since later
 * ones rely on earlier ones). REPLAY_FULL=1 does not shorten.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMap, type Json } from '../../src/lab/api/access.ts'
import { type EmbeddedApi, startApi } from '../../src/lab/api/server.ts'
import { type Received, ReplayClient, type Sent } from './replay-client.ts'
import { extras, tokenOf } from './replay-extras.ts'
import { derivedSeeds, first } from './replay-seeds.ts'
import type { Step } from './replay-steps.ts'
import { differences, sameMessage, Values } from './replay-values.ts'

const fixtures = new URL('../fixtures/api/', import.meta.url)

export const files = [
  'services',
  'list-watch',
  'delete',
  'crud-core',
  'crud-apps',
  'crud-other',
  'crud-custom',
  'patches',
  'apply',
  'crd',
  'tables',
  'discovery',
  'errors',
  'reviews',
] as const

export type FileName = (typeof files)[number]

/** One line of a recording. */
export interface Exchange {
  name: string
  why: string
  method: string
  path: string
  headers: Record<string, string>
  body: unknown
  status: number
  responseHeaders: Record<string, string>
  response?: unknown
  watch?: Json[]
  ended?: 'server closed' | 'client closed'
}

/** How one exchange went. No differences: it matched. */
export interface Outcome {
  name: string
  differences: string[]
  sameStatus: boolean
  sameWords: boolean
}

export function load(file: FileName): Exchange[] {
  const text = readFileSync(new URL(`${file}.jsonl`, fixtures), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Exchange)
}

/** The same numbers in each run (Park and Miller): what is allocated never meets what a request asks for by chance. */
function sequence(): () => number {
  const modulus = 2_147_483_647
  let state = 42
  return () => {
    state = (state * 48_271) % modulus
    return state / modulus
  }
}

/** Replays one file against a fresh server. */
export async function replay(file: FileName): Promise<Outcome[]> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-replay-'))
  try {
    return await replayIn(dir, file)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function replayIn(dir: string, file: FileName): Promise<Outcome[]> {
  const api = await startApi({
    dir,
    serviceCIDR: '10.43.0.0/16,fd43::/112',
    advertise: { address: '192.0.2.2', port: 26443 },
    collect: false,
    random: sequence(),
    users: [{ name: 'low', token: 'low' }],
  })
  const run = new Replay(api, file)
  try {
    return await run.all()
  } finally {
    run.close()
    await api.close()
  }
}

/** /version without what tells one build of a server from another. */
function withoutBuild(body: unknown): unknown {
  if (!isMap(body)) return body
  const { gitVersion: _v, gitCommit: _c, buildDate: _d, goVersion: _g, compiler: _m, platform: _p, ...rest } = body
  return rest
}

class Replay {
  readonly #api: EmbeddedApi
  readonly #client: ReplayClient
  readonly #values = new Values()
  readonly #exchanges: Exchange[]
  readonly #file: FileName
  readonly #seeds: Map<number, Step[]>
  readonly #early = new Map<string, Promise<Received>>()

  constructor(api: EmbeddedApi, file: FileName) {
    this.#api = api
    this.#client = new ReplayClient(api.url, api.ca)
    this.#file = file
    this.#exchanges = load(file)
    this.#seeds = derivedSeeds(file, this.#exchanges)
  }

  async all(): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (const step of this.#seeds.get(first) ?? []) await this.#step(step)
    for (const [i, exchange] of this.#exchanges.entries()) {
      const extra = extras[this.#file]?.before?.[exchange.name] ?? []
      for (const step of [...extra, ...(this.#seeds.get(i) ?? [])]) await this.#step(step)
      this.#beginEarly(exchange.name)
      outcomes.push(await this.#exchange(exchange))
    }
    return outcomes
  }

  /** Opens the watches that were open while this exchange happened. */
  #beginEarly(name: string): void {
    for (const [watch, before] of Object.entries(extras[this.#file]?.early ?? {})) {
      const exchange = before === name ? this.#exchanges.find((one) => one.name === watch) : undefined
      if (exchange !== undefined) this.#early.set(watch, this.#watch(exchange, this.#sent(exchange)))
    }
  }

  #sent({ method, path, headers, body, name }: Exchange): Sent {
    const token = tokenOf(this.#file, name, this.#api.token)
    return { method, headers, token, path: this.#values.filled(path), body: this.#values.filled(body) }
  }

  close(): void {
    this.#client.close()
  }

  /** Something that the recorder did without recording it. */
  async #step(step: Step): Promise<void> {
    if (typeof step === 'function') return step(this.#api)
    const { method, path, body, type = 'application/json' } = step
    const headers = { accept: 'application/json', 'content-type': type }
    const token = this.#api.token
    const answer = await this.#client.send({ method, headers, token, ...this.#values.filled({ path, body }) })
    if (answer.status >= 300 && process.env['REPLAY_REPORT'])
      console.log(`  (seed ${method} ${path}: ${answer.status} ${JSON.stringify((answer.body as Json)['message'])})`)
  }

  async #exchange(exchange: Exchange): Promise<Outcome> {
    const sent = this.#sent(exchange)
    const early = this.#early.get(exchange.name)
    const received = await (early ??
      (exchange.watch === undefined ? this.#client.send(sent) : this.#watch(exchange, sent)))
    if (exchange.status >= 400 && received.status === 201) await this.#undo(sent, received)
    return this.#compare(exchange, received)
  }

  /** Removes what should not have been created, so that one difference stays one. */
  async #undo(sent: Sent, { body }: Received): Promise<void> {
    const path = `${sent.path.split('?')[0]}/${(body as Json)['metadata']?.['name']}`
    await this.#client.send({ ...sent, method: 'DELETE', path, body: null })
  }

  async #watch(exchange: Exchange, sent: Sent): Promise<Received> {
    const { watch = [], ended } = exchange
    const during = extras[this.#file]?.during?.[exchange.name] ?? (() => ({ after: 0, steps: [] as Step[] }))
    const { after, steps } = typeof during === 'function' ? during(exchange) : during
    let acting: Promise<void> | undefined
    const act = async (): Promise<void> => {
      for (const step of steps) await this.#step(step)
    }
    const received = await this.#client.watch(sent, watch.length, ended === 'client closed', (count) => {
      if (count >= after) acting ??= act()
    })
    await acting
    const { events } = received
    return { ...received, body: received.status === 200 ? { watch: events, ended: received.ended } : received.body }
  }

  #compare(exchange: Exchange, received: Received): Outcome {
    const { name, status, responseHeaders, response, watch, ended } = exchange
    const result: string[] = []
    if (status !== received.status) result.push(`status: ${status} → ${received.status}`)
    const recorded = Object.keys(responseHeaders).length > 0 ? ['content-type', 'warning', 'allow'] : []
    for (const header of recorded) {
      const wanted = responseHeaders[header]
      const given = received.headers[header]
      if (wanted === undefined ? given !== undefined : !this.#values.matches(wanted, given ?? ''))
        result.push(`${header}: ${wanted} → ${given}`)
    }
    const whole = this.#file === 'apply' ? received.body : withoutManagers(received.body)
    const shown = extras[this.#file]?.shown?.[name]
    const actual = shown === undefined ? whole : shown(whole as Json)
    const expected = watch === undefined ? response : { watch, ended }
    const [wanted, given] = exchange.path === '/version' ? [expected, actual].map(withoutBuild) : [expected, actual]
    result.push(...differences(wanted, given, this.#values))
    const words = (body: unknown): string =>
      isMap(body) && typeof body['message'] === 'string' ? body['message'] : JSON.stringify(body)
    const sameWords = status < 400 || sameMessage(words(expected), words(received.body), this.#values)
    return { name, differences: result, sameStatus: status === received.status, sameWords }
  }
}

/** Only apply.jsonl was recorded with managedFields. */
function withoutManagers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutManagers)
  if (!isMap(value)) return value
  const fields = Object.entries(value).filter(([key]) => key !== 'managedFields')
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutManagers(field)]))
}
