import { checkLabName } from './name.ts'
import { checkRoot } from './requirements.ts'
import { clearLab } from './reservation.ts'

/**
 * Ends a lab and removes all of it, running or not.
 *
 * @param onNotice gets what became of Nodes that the lab had registered with another API server
 * @returns false if there was nothing
 * @throws WeftError NOT_ROOT, LAB_NAME_INVALID
 */
export async function downLab(name: string, onNotice?: (text: string) => void): Promise<boolean> {
  checkLabName(name)
  checkRoot()
  return clearLab(name, onNotice)
}
