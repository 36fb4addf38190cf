/* Planted bugs for the simulator (safety.md 5): each must turn a checker red. Only the simulator's build knows them. */
#ifndef HOWDAH_BASE_MUTANT_H
#define HOWDAH_BASE_MUTANT_H

#include "base/base.h"

#ifdef HOWDAH_MUTANTS
bool mutant(int number); /* whether this run has it switched on */
#else
#define mutant(number) false
#endif

#endif
