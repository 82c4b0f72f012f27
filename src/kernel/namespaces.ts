import { readdirSync } from 'node:fs'
import { errnoFromText, KernelError } from './errors.ts'
import { netnsDir } from './network-namespace.ts'
import { run } from './process.ts'

export { type NetnsRef, NetworkNamespace, netnsDir, netnsPath, runIn } from './network-namespace.ts'

/** `ip netns add`. @throws KernelError EEXIST when the name is taken */
export const createNetns = (name: string): Promise<void> => ipNetns('add', name)

/** `ip netns del`: the name goes at once, the namespace when its last process, socket and open file are gone. @throws KernelError ENOENT */
export const deleteNetns = (name: string): Promise<void> => ipNetns('del', name)

async function ipNetns(verb: 'add' | 'del', name: string): Promise<void> {
  const { code, stderr } = await run('ip', ['netns', verb, name])
  if (code === 0) return
  throw new KernelError({
    errno: errnoFromText(stderr),
    operation: `ip netns ${verb}`,
    where: name,
    text: stderr.trim(),
  })
}

/** Names below /run/netns, sorted. */
export function listNetns(): string[] {
  try {
    return readdirSync(netnsDir).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
