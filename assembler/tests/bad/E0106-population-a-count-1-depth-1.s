.population a count=1 depth=-1  ;//~ ERROR E0106 @29
