import { expect, it } from 'vitest'
import { problemsOf } from './problems.ts'

const api = { pid: 7, restarts: 0 }
const controller = { pid: 8, restarts: 0, answers: true }

it('is content with an API and a controller that answer, and with a lab that has no controller', () => {
  expect(problemsOf({ api, controller }, true, '/logs')).toEqual([])
  expect(problemsOf({ api }, true, '/logs')).toEqual([])
})

it('says which of them is gone, how it ended, and where to read on', () => {
  const dead = { restarts: 3, lastExit: 'signal SIGKILL' }
  expect(problemsOf({ api: dead, controller: { restarts: 0 } }, false, '/logs')).toEqual([
    'the API is not running (signal SIGKILL); see /logs/api.log',
    'the controller is not running (it was never started); see /logs/controller.log',
  ])
})

it('says which of them runs and is silent', () => {
  expect(problemsOf({ api, controller: { ...controller, answers: false } }, false, '/logs')).toEqual([
    'the API does not answer (pid 7); see /logs/api.log',
    'the controller does not answer (pid 8); see /logs/controller.log',
  ])
})
