.population
;//~^ ERROR E0004 @12
