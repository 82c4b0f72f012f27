import { readFileSync } from 'node:fs'
import type { Container, Pod } from '../pod.ts'
import { setprivPath } from '../runtime.ts'

/** What a container is run as: its own settings before its pod's (core/v1, SecurityContext). */
interface Identity {
  uid: number | undefined
  gid: number | undefined
  /** Besides that; none of the machine's. */
  groups: readonly number[]
}

/**
 * Command that runs the one behind it as the `securityContext` of a container says: user, groups, capabilities, no new privileges.
 *
 * @param passwd the text of passwd(5)
 * @returns nothing where nothing is asked for: the program is the machine's root
 */
export function asIdentity(pod: Pod, container: Container, passwd = readPasswd()): string[] {
  const { uid, gid, groups } = identityOf(pod, container, passwd)
  const changes = [
    ...(uid === undefined ? [] : [`--reuid=${uid}`]),
    ...(gid === undefined ? [] : [`--regid=${gid}`]),
    ...groupsArgument(uid ?? gid, groups),
    ...capabilities(container),
    ...(container.securityContext?.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ]
  return changes.length === 0 ? [] : [setprivPath, ...changes]
}

/** Why a container may not run, in a kubelet's words; undefined: it may. */
export function whyNotAllowed(pod: Pod, container: Container): string | undefined {
  const { runAsNonRoot = pod.spec.securityContext?.runAsNonRoot } = container.securityContext ?? {}
  if (runAsNonRoot !== true) return undefined
  const { runAsUser = pod.spec.securityContext?.runAsUser } = container.securityContext ?? {}
  if (runAsUser === undefined) return 'container has runAsNonRoot and image will run as root'
  return runAsUser === 0 ? "container's runAsUser breaks non-root policy" : undefined
}

function identityOf({ spec }: Pod, { securityContext: own = {} }: Container, passwd: string): Identity {
  const shared = spec.securityContext ?? {}
  const uid = own.runAsUser ?? shared.runAsUser
  const gid = own.runAsGroup ?? shared.runAsGroup ?? (uid === undefined ? undefined : primaryGroup(uid, passwd))
  const { supplementalGroups = [], fsGroup } = shared
  return { uid, gid, groups: [...new Set([...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])])] }
}

/** setpriv wants to be told whenever the user or group changes. */
function groupsArgument(id: number | undefined, groups: readonly number[]): string[] {
  if (groups.length > 0) return [`--groups=${groups.join()}`]
  return id === undefined ? [] : ['--clear-groups']
}

/** As a container runtime has it: that of the user where the image knows it, else root's. */
function primaryGroup(uid: number, passwd: string): number {
  const entry = passwd.split('\n').find((line) => line.split(':')[2] === String(uid))
  return Number(entry?.split(':')[3] ?? 0)
}

/** What is dropped can never be had again. What is not dropped stays the machine's root's: a container of the lab begins with more than a real one. */
function capabilities({ securityContext: { capabilities: asked = {}, privileged } = {} }: Container): string[] {
  const dropped = (asked.drop ?? []).map(plainName)
  if (privileged === true || dropped.length === 0) return []
  const added = (asked.add ?? []).map(plainName)
  const bounds = [...dropped.map((name) => `-${name}`), ...added.map((name) => `+${name}`)].join()
  return [`--bounding-set=${bounds}`, '--inh-caps=-all']
}

/** `CAP_NET_RAW` and `NET_RAW` are setpriv's `net_raw`. */
const plainName = (name: string): string => name.toLowerCase().replace(/^cap_/, '')

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
