.population a count=
;//~^ ERROR E0004 @21
