# Read by the runtests.pl of curl's tests by its option -L: the client goes by a proxy, and what was compared is kept.
# What it needs stands in the environment: SUITE_WAY (plain, tunnel, socks, direct), SUITE_BY (host:port), SUITE_KEPT (a folder).
use Time::HiRes;
no warnings 'redefine';

my ($way, $proxy, $kept) = @ENV{"SUITE_WAY", "SUITE_BY", "SUITE_KEPT"};
my ($port) = $proxy =~ /:(\d+)$/;
my $longest = 45;    # seconds for one client: some would wait for ever for an answer that a proxy does not give

sub note {
    open(my $notes, ">>", "$kept/notes") or die $!;
    print $notes join("\t", @_), "\n";
    close($notes);
}

# Connections with the proxy's port, those that have just ended among them.
sub connections {
    my $number = sprintf("%04X", $port // 0);
    my %seen;
    for my $table ("/proc/net/tcp", "/proc/net/tcp6") {
        open(my $lines, "<", $table) or next;
        while (<$lines>) {
            my ($pair) = /^\s*\d+: (\S+ \S+) /;
            $seen{$pair} = 1 if $pair && $pair =~ /:$number\b/ && $pair !~ /:0000\b/;
        }
    }
    return %seen;
}

# The client of a test, which alone writes to log/stdoutN, is told of the proxy; what looks after the servers is not.
sub runclient {
    my ($command) = @_;
    my ($number) = $command =~ m{>log/stdout(\d+) };
    return system("timeout -k 2 120 $command") unless defined $number;
    local %ENV = %ENV;
    my $tool = $command =~ m{src/curl"? };
    my $named = grep { /_proxy$/i } keys %ENV;
    my $own = $named || $command =~ / (-x|--proxy\S*|--preproxy|--socks\S*|--unix-socket|--abstract-unix-socket)\b/;
    my $option = "";
    if ($way eq "socks") {
        my $socks = $named || $command =~ / (--preproxy|--socks|(-x|--proxy) socks|--unix-socket|--abstract-unix-socket)/;
        $option = "--preproxy socks5h://$proxy" unless $socks;
        $ENV{all_proxy} //= "socks5h://$proxy" unless $tool || $named;
    } elsif ($way ne "direct") {
        $ENV{$_} //= "http://$proxy" for ("http_proxy", "https_proxy");
        $option = "--suppress-connect-headers" unless $own;
        $option .= " --proxytunnel" if $option && $way eq "tunnel";
    }
    if ($tool && $option) {
        $command =~ s{(src/curl"?) }{$1 $option };
        $command =~ s{ (--next|-:) }{ $1 $option }g;
    }
    my %before = connections();
    my $status = system("timeout -k 2 $longest $command");
    my %after = connections();
    note($number, "ran", (grep { !$before{$_} } keys %after) ? 1 : 0, $status >> 8);
    return $status;
}

# All that a test compares is compared: the tests go on behind the first difference, and it is judged afterwards.
sub compare {
    my ($number, $name, $subject, $got, $wanted) = @_;
    return 0 unless compareparts($got, $wanted);
    my $file = "$number." . ($subject =~ s/[^a-z]+/-/gr);
    for (["got", $got], ["wanted", $wanted]) {
        open(my $side, ">", "$kept/$file.$_->[0]") or die $!;
        binmode $side;
        print $side join("", @{$_->[1]});
        close($side);
    }
    note($number, "differs", $file);
    return 0;
}

1;
