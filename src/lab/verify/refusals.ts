import { canonicalIP } from '../../model/ip.ts'

/** What an agent says that it does not do for a Service port, as its status has it. */
export interface RefusedPort {
  /** `namespace/name:port-name`; something else for what concerns no Service port. */
  subject: string
  /** CamelCase, as the reason of an Event. */
  reason: string
  message: string
}

/** Addresses that a message names, in their usual spelling: `external IP [fd00::9]:80/TCP is …` → `fd00::9`. */
function addressesIn(message: string): string[] {
  const words = message.split(/[\s[\],;()]+|\/(?:TCP|UDP|SCTP)/)
  const bare = words.flatMap((word) => [word, word.replace(/:\d*$/, ''), word.replace(/\/\d+$/, '')])
  return bare.flatMap((word) => canonicalIP(word) ?? [])
}

/** Refusals of one Service port. */
export const refusalsOf = (
  refusals: readonly RefusedPort[],
  { service, port }: { service: string; port: string },
): RefusedPort[] => refusals.filter(({ subject }) => subject === `${service}:${port}`)

/** The refusal of one address of a Service port. */
export const refusalOfAddress = (refusals: readonly RefusedPort[], address: string): RefusedPort | undefined =>
  refusals.find(({ message }) => addressesIn(message).includes(canonicalIP(address) ?? address))

/** The refusal of its node port. */
export const refusalOfNodePort = (refusals: readonly RefusedPort[], nodePort: number): RefusedPort | undefined =>
  refusals.find(({ message }) => new RegExp(`\\bnode port ${nodePort}\\b`).test(message))

/** The refusal of something that is no address: session affinity, topology. */
export const refusalByReason = (refusals: readonly RefusedPort[], reason: RegExp): RefusedPort | undefined =>
  refusals.find((refusal) => reason.test(refusal.reason))

export const refusedText = ({ reason, message }: RefusedPort): string => `refused: ${reason}: ${message}`
