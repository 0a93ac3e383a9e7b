.population a  ;//~ ERROR E0105 @1
