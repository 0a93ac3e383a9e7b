.image netwrk=a  ;//~ ERROR E0103 @8
