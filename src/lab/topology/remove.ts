import { rmSync } from 'node:fs'
import { killCgroup } from '../../kernel/cgroup.ts'
import { deleteNetns, listNetns } from '../../kernel/namespaces.ts'
import { checkLabName, labCgroup, netnsPrefix } from '../name.ts'
import { unregisterNodes } from '../registered-nodes.ts'
import { labDir } from '../state.ts'

/**
 * Removes all that a lab is: its processes, cgroups, namespaces and files. Works on whatever is left of one, also when
 * everything in it was killed; removing what is not there succeeds.
 *
 * @param onNotice gets what became of Nodes that the lab had registered elsewhere
 */
export async function removeLab(name: string, onNotice: (text: string) => void = () => {}): Promise<void> {
  checkLabName(name)
  await killCgroup(labCgroup(name))
  const { removed, left } = await unregisterNodes(name)
  if (removed.length > 0) onNotice(`removed from the API: ${removed.map((node) => `Node ${node}`).join(', ')}`)
  if (left !== undefined) onNotice(left)
  for (const netns of labNamespaces(name)) await deleteNetns(netns)
  rmSync(labDir(name), { recursive: true, force: true })
}

/** The network namespaces of a lab that exist, finished or not. */
export const labNamespaces = (name: string): string[] =>
  listNetns().filter((netns) => netns.startsWith(netnsPrefix(name)))
