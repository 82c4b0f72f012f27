import { type Json, listOf, mapOf, stringsOf } from './access.ts'
import { type FieldError, invalidValue, required } from './field-errors.ts'
import { labelErrors } from './hooks/pod-validation.ts'
import { badRequest } from './status.ts'

/** One requirement of a selector, applied to an object's labels. */
export type Requirement = (labels: Readonly<Record<string, string>>) => boolean

/** A parsed `labelSelector`; `equal` holds the requirements `key=value`, by which an index can be asked. */
export interface LabelSelector {
  requirements: Requirement[]
  equal: Array<{ key: string; value: string }>
}

const has = (labels: Readonly<Record<string, string>>, key: string): boolean => Object.hasOwn(labels, key)

const isIn =
  (key: string, values: ReadonlySet<string>): Requirement =>
  (labels) =>
    has(labels, key) && values.has(labels[key] ?? '')

const notIn =
  (key: string, values: ReadonlySet<string>): Requirement =>
  (labels) =>
    !has(labels, key) || !values.has(labels[key] ?? '')

const exists =
  (key: string): Requirement =>
  (labels) =>
    has(labels, key)

const missing =
  (key: string): Requirement =>
  (labels) =>
    !has(labels, key)

const compares =
  (key: string, operator: '<' | '>', bound: number): Requirement =>
  (labels) => {
    const value = has(labels, key) && /^-?\d+$/.test(labels[key] ?? '') ? Number(labels[key]) : undefined
    return value !== undefined && (operator === '>' ? value > bound : value < bound)
  }

export const matchesLabels = (selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean =>
  selector.requirements.every((requirement) => requirement(labels ?? {}))

/** metav1.LabelSelector, as workloads have it; check it with `selectorErrors` first. */
export function selectorFromObject(selector: Json): Requirement[] {
  const labels = Object.entries(stringsOf(selector['matchLabels'])).map(([key, value]) => isIn(key, new Set([value])))
  const expressions = listOf(selector['matchExpressions']).map((expression): Requirement => {
    const key = String(expression['key'])
    const values = new Set<string>(expression['values'] ?? [])
    if (expression['operator'] === 'In') return isIn(key, values)
    if (expression['operator'] === 'NotIn') return notIn(key, values)
    return expression['operator'] === 'Exists' ? exists(key) : missing(key)
  })
  return [...labels, ...expressions]
}

export function selectorErrors(selector: Json, path: string): FieldError[] {
  return [...labelErrors(selector['matchLabels'], `${path}.matchLabels`), ...expressionErrors(selector, path)]
}

function expressionErrors(selector: Json, path: string): FieldError[] {
  return listOf(selector['matchExpressions']).flatMap((expression, i) => {
    const field = `${path}.matchExpressions[${i}]`
    const { operator } = expression
    const values = Array.isArray(expression['values']) ? expression['values'].length : 0
    if (operator === 'In' || operator === 'NotIn')
      return values > 0 ? [] : [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    if (operator === 'Exists' || operator === 'DoesNotExist')
      return values === 0
        ? []
        : [
            invalidValue(
              `${field}.values`,
              values,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          ]
    return [invalidValue(`${field}.operator`, operator ?? '', 'not a valid selector operator')]
  })
}

const stringList = (values: unknown): string[] => (Array.isArray(values) ? values.map(String).sort() : [])

/** As `kubectl get -l` and Scale.status.selector write it: `app=web,tier in (a,b)`. */
export function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions } = mapOf(selector)
  const labels = Object.entries(stringsOf(matchLabels))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  const expressions = listOf(matchExpressions).map(({ key, operator, values }) => {
    if (operator === 'Exists') return `${key}`
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${stringList(values).join(',')})`
  })
  return [...labels, ...expressions].join(',')
}

const everything: LabelSelector = { requirements: [], equal: [] }

type Token = { text: string; word: boolean }

const operators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt']

/**
 * The query parameter `labelSelector`: `a=b,c!=d,e in (f,g),!h`.
 * @throws StatusError 400
 */
export function parseLabelSelector(text: string | null): LabelSelector {
  if (text === null || text.trim() === '') return everything
  return new Parser(tokens(text)).selector()
}

function tokens(text: string): Token[] {
  return [...text.matchAll(/\s*(!=|==|[=!(),<>]|[^\s=!(),<>]+)\s*/g)].map(([, token = '']) => ({
    text: token,
    word: !/^[=!(),<>]/.test(token),
  }))
}

class Parser {
  readonly #tokens: Token[]
  #at = 0
  readonly #result: LabelSelector = { requirements: [], equal: [] }

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  selector(): LabelSelector {
    for (;;) {
      this.#requirement()
      const next = this.#take()
      if (next === undefined) return this.#result
      if (next !== ',') throw badRequest(`found '${next}', expected: ',' or 'end of string'`)
    }
  }

  #requirement(): void {
    if (this.#peek()?.text === '!') {
      this.#take()
      this.#result.requirements.push(missing(this.#key()))
      return
    }
    const key = this.#key()
    const next = this.#peek()
    if (next === undefined || next.text === ',') {
      this.#result.requirements.push(exists(key))
      return
    }
    this.#take()
    this.#result.requirements.push(this.#operation(key, next.text))
  }

  #operation(key: string, operator: string): Requirement {
    if (operator === 'in' || operator === 'notin') return (operator === 'in' ? isIn : notIn)(key, this.#values())
    if (operator === '=' || operator === '==') {
      const value = this.#value()
      this.#result.equal.push({ key, value })
      return isIn(key, new Set([value]))
    }
    if (operator === '!=') return notIn(key, new Set([this.#value()]))
    if (operator === '>' || operator === '<') return compares(key, operator, Number(this.#value()))
    throw this.#broken(`found '${operator}', expected: ${operators.join(', ')}`)
  }

  #key(): string {
    const token = this.#take()
    if (token === undefined || !/^[A-Za-z0-9]/.test(token))
      throw this.#broken(`found '${token ?? ''}', expected: !, identifier, or 'end of string'`)
    return token
  }

  /** One value, which may be empty. */
  #value(): string {
    return this.#peek()?.word === true ? (this.#take() ?? '') : ''
  }

  #values(): Set<string> {
    const open = this.#take()
    if (open !== '(') throw this.#broken(`found '${open ?? ''}' expected: '('`)
    const values = new Set<string>()
    for (;;) {
      values.add(this.#value())
      const next = this.#take()
      if (next === ')') return values
      if (next !== ',') throw this.#broken(`found '${next ?? ''}', expected: ',' or ')'`)
    }
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #take(): string | undefined {
    return this.#tokens[this.#at++]?.text
  }

  #broken(what: string): Error {
    return badRequest(`unable to parse requirement: ${what}`)
  }
}
