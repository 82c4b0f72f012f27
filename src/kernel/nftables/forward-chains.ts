import { KernelError } from '../errors.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { runNft } from './ruleset.ts'

/** A chain of nf_tables on the forward hook, by nft's words. */
export interface ForwardChain {
  family: 'ip' | 'ip6' | 'inet'
  table: string
  chain: string
  /** What happens to a packet that nobody in the chain has spoken for: its policy, or a last rule without conditions. */
  drops: boolean
  rules: readonly ChainRule[]
}

export interface ChainRule {
  handle: number
  comment: string
  /** It has a comment of iptables, whose text only iptables tells. */
  hasIptablesComment: boolean
}

interface JsonChain {
  family: string
  table: string
  name: string
  hook?: string
  policy?: string
}

/** A match or target of iptables. */
interface XtExpression {
  type?: string
  name?: string
}

interface JsonRule {
  handle: number
  comment?: string
  expr: readonly Record<string, unknown>[]
}

const inetFamilies = new Set(['ip', 'ip6', 'inet'])

/** Every chain on the forward hook and its rules, except in our own tables. Through libnftables: some milliseconds, more with long chains. @throws KernelError */
export function forwardChains(ownTables: ReadonlySet<string>, ns?: NetworkNamespace): ForwardChain[] {
  return objects<JsonChain>(runNft('list chains\n', ns, { json: true }), 'chain')
    .filter(({ family, hook, table }) => hook === 'forward' && inetFamilies.has(family) && !ownTables.has(table))
    .map(({ family, table, name, policy }) => {
      const rules = rulesOf(`${family} ${table} ${name}`, ns)
      return {
        family: family as ForwardChain['family'],
        table,
        chain: name,
        drops: policy === 'drop' || rules.some(dropsAll),
        rules: rules.map(({ handle, comment = '', expr }) => ({
          handle,
          comment,
          hasIptablesComment: expr.some((one) => (one['xt'] as XtExpression | null | undefined)?.name === 'comment'),
        })),
      }
    })
}

/** None for a chain that nft cannot name (a keyword of its own, as others may choose by netlink), or that has just gone. */
function rulesOf(chain: string, ns: NetworkNamespace | undefined): JsonRule[] {
  try {
    return objects<JsonRule>(runNft(`list chain ${chain}\n`, ns, { json: true, foreignRules: true }), 'rule')
  } catch (error) {
    if (error instanceof KernelError) return []
    throw error
  }
}

function objects<T>(json: string, kind: string): T[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly Record<string, T>[] }
  return nftables.flatMap((one) => (Object.hasOwn(one, kind) ? [one[kind] as T] : []))
}

/** Counts and logs at most, then drops: whatever has come this far. */
const dropsAll = ({ expr }: JsonRule): boolean =>
  expr.some(isVerdict) && expr.every((one) => isVerdict(one) || 'counter' in one || 'log' in one)

/** `xt` is a rule of iptables; DROP is a verdict of its own there, REJECT a target. */
function isVerdict(expression: Record<string, unknown>): boolean {
  const xt = expression['xt'] as XtExpression | null | undefined
  return 'drop' in expression || 'reject' in expression || (xt?.type === 'target' && xt.name === 'REJECT')
}
