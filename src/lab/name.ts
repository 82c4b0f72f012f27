import { WeftError } from '../model/error.ts'

/** Name of the lab where `--name` is not given. */
export const defaultLabName = 'lab'

const labNamePattern = /^[a-z0-9]{1,12}$/

/** Whether a lab can have this name. */
export const isLabName = (name: string): boolean => labNamePattern.test(name)

/**
 * Checks a lab's name. Without a dash no lab's namespace prefix (`weft-NAME-`) can be the beginning of another lab's, so
 * that cleaning up one never touches the other.
 *
 * @throws WeftError LAB_NAME_INVALID
 */
export function checkLabName(name: string): string {
  if (isLabName(name)) return name
  throw new WeftError(`"${name}" cannot be the name of a lab`, {
    code: 'LAB_NAME_INVALID',
    fault: 'user',
    where: '--name',
    remedy: 'use 1 to 12 lower-case letters and digits, e.g. "demo"',
  })
}

/** Beginning of the names of all network namespaces of a lab. */
export const netnsPrefix = (lab: string): string => `weft-${lab}-`

/** Path of a lab's cgroup below the root of the cgroup2 hierarchy. */
export const labCgroup = (lab: string): string => `weft-${lab}`

/** Path of a node's cgroup, the root of the node's own cgroup namespace. */
export const nodeCgroup = (lab: string, node: string): string => `${labCgroup(lab)}/nodes/${node}`
