import { WeftError } from '../../model/error.ts'
import { type LabSpec, labFiles, readJson } from '../files.ts'
import { checkLabName } from '../name.ts'
import { planTopology, type TopologyPlan } from '../topology/plan.ts'

/** What the starter of a lab wrote down. @throws WeftError LAB_NAME_INVALID, LAB_NOT_FOUND */
export function readSpec(name: string): LabSpec {
  const spec = readJson(labFiles(checkLabName(name)).spec) as LabSpec | undefined
  if (spec !== undefined) return spec
  throw new WeftError(`there is no lab named "${name}"`, {
    code: 'LAB_NOT_FOUND',
    fault: 'user',
    where: '--name',
    remedy: `start one with 'weft lab up --name ${name}'`,
    exitCode: 4,
  })
}

/** How a lab is laid out. @throws WeftError as `planTopology` */
export const planOf = ({ name, nodes, network }: LabSpec): TopologyPlan => planTopology(name, nodes, network)
