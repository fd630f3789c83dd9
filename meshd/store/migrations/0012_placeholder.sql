update change_counter set seq = seq;
