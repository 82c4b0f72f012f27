import { join } from 'node:path'
import { cgroupRoot, createCgroup, joinCgroup } from '../kernel/cgroup.ts'
import { labCgroup } from './name.ts'

/** Makes this process, and all that it starts from now on, part of a lab, so that `weft lab down` ends it. */
export function joinLab(lab: string, group: 'control' | 'exec'): void {
  const path = `${labCgroup(lab)}/${group}`
  createCgroup(path)
  joinCgroup(path, process.pid)
}

/** Where a process writes its pid to become part of a lab. @throws WeftError CGROUP2_MISSING */
export const cgroupProcs = (lab: string): string => join(cgroupRoot(), labCgroup(lab), 'cgroup.procs')
