import { existsSync } from 'node:fs'
import { checkLabName } from './name.ts'
import { checkRoot } from './requirements.ts'
import { labDir } from './state.ts'
import { labNamespaces, removeLab } from './topology/remove.ts'

/**
 * Ends a lab and removes all of it, running or not.
 *
 * @returns false if there was nothing
 * @throws WeftError NOT_ROOT, LAB_NAME_INVALID
 */
export async function downLab(name: string): Promise<boolean> {
  checkLabName(name)
  checkRoot()
  const found = existsSync(labDir(name)) || labNamespaces(name).length > 0
  await removeLab(name)
  return found
}
